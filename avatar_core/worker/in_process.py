"""Workers that are tasks of this process, and their records."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from avatar_core.contracts.errors import WorkerError

log = logging.getLogger("avatar_core.worker")

STOP_S = 1.0
"""Seconds until a task that has not ended by itself is cancelled."""

_running: dict[str, tuple[asyncio.Task[None], Callable[[], object]]] = {}
"""By name: the task, and the function that ends it."""


async def start(work: Coroutine[Any, Any, None], ready: asyncio.Event) -> dict[str, Any]:
    """Run a worker as a task of this loop, and wait until it is ready.

    Args:
        work: Serves until it is cancelled, then leaves its room.
        ready: Set by `work` once both tracks are published.

    Returns:
        The record of the worker.

    Raises:
        WorkerError: The worker ended before it was ready.
        Exception: `work` raised it before it was ready.
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
            hint="Read the messages of the worker in the log.",
        )
    return keep(task, task.cancel)


def keep(task: asyncio.Task[None], end: Callable[[], object]) -> dict[str, Any]:
    """Register a running worker.

    Args:
        task: The worker.
        end: Makes the worker leave its room and end.

    Returns:
        The record of the worker, for a `ProvisionedAvatar.state`.
    """
    name = secrets.token_hex(8)
    _running[name] = task, end

    def ended(_: asyncio.Task[None]) -> None:
        del _running[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("An avatar worker ended with an unexpected error.", exc_info=error)

    task.add_done_callback(ended)
    return {"task": name}


async def stop(state: Mapping[str, Any]) -> None:
    """End the worker of a record; idempotent."""
    if running := _running.get(str(state.get("task"))):
        await _end(*running)


def kill(state: Mapping[str, Any]) -> None:
    """Cancel the worker of a record and do not wait; remove it from its room before."""
    if running := _running.get(str(state.get("task"))):
        running[0].cancel()


async def exited(state: Mapping[str, Any]) -> None:
    """Wait until the worker of a record has ended."""
    if running := _running.get(str(state.get("task"))):
        await asyncio.wait([running[0]])


async def _end(task: asyncio.Task[None], end: Callable[[], object]) -> None:
    """End a worker; cancel it if it has not ended after `STOP_S`."""
    end()
    _, pending = await asyncio.wait([task], timeout=STOP_S)
    if pending:
        task.cancel()
        await asyncio.wait(pending)
