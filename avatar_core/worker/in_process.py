"""Workers that are tasks of this process, found again by a record like that of a process."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from avatar_core.contracts.errors import WorkerError

log = logging.getLogger("avatar_core.worker")

STOP_S = 1.0
"""A task that has not left its room so long after it was told to is cancelled."""

_running: dict[str, tuple[asyncio.Task[None], Callable[[], object]]] = {}
"""By name: a task, and what lets it end."""


async def start(work: Coroutine[Any, Any, None], ready: asyncio.Event) -> dict[str, Any]:
    """Run a worker as a task of this loop.

    Args:
        work: Serves until it is cancelled, then leaves its room.
        ready: Set by `work` once the worker is in its room with both its tracks.

    Returns:
        The record of the worker, once it is ready.

    Raises:
        WorkerError: It ended before.
        Exception: Whatever `work` raised before.
    """
    task = asyncio.create_task(work, name="avatar-worker-task")
    waiting = asyncio.create_task(ready.wait(), name="avatar-worker-ready")
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await _end(task, task.cancel)
        raise
    finally:
        waiting.cancel()
    if not ready.is_set():
        if not task.cancelled():
            task.result()
        raise WorkerError(
            "the worker ended before it was ready.",
            hint="Look for its own message in the log.",
        )
    return keep(task, task.cancel)


def keep(task: asyncio.Task[None], end: Callable[[], object]) -> dict[str, Any]:
    """Note a running worker.

    Args:
        task: The worker.
        end: Lets it leave its room and end.

    Returns:
        Its record, for a `ProvisionedAvatar.state`.
    """
    name = secrets.token_hex(8)
    _running[name] = task, end

    def ended(_: asyncio.Task[None]) -> None:
        del _running[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A worker failed.", exc_info=error)

    task.add_done_callback(ended)
    return {"task": name}


async def stop(state: Mapping[str, Any]) -> None:
    """End the worker of a record; idempotent."""
    if running := _running.get(str(state.get("task"))):
        await _end(*running)


def kill(state: Mapping[str, Any]) -> None:
    """End the worker of a record without waiting for it; its room must have dropped it before."""
    if running := _running.get(str(state.get("task"))):
        running[0].cancel()


async def exited(state: Mapping[str, Any]) -> None:
    """Return once the worker of a record has ended."""
    if running := _running.get(str(state.get("task"))):
        await asyncio.wait([running[0]])


async def _end(task: asyncio.Task[None], end: Callable[[], object]) -> None:
    """End a worker and wait until it has left its room, or as long as that may take."""
    end()
    _, pending = await asyncio.wait([task], timeout=STOP_S)
    if pending:
        task.cancel()
        await asyncio.wait(pending)
