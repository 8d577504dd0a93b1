"""Workers that run as tasks of this process, and the records by which callers end them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from avatar_core.contracts.errors import AvatarError, WorkerError
from avatar_core.tasks import describe_error

log = logging.getLogger("avatar_core.worker")

STOP_S = 1.0
"""Seconds until a task that has not ended by itself is cancelled."""

_running: dict[str, tuple[asyncio.Task[None], Callable[[], object]]] = {}
"""The task of each running worker and the function that ends it, by the name in the record."""


async def start(work: Coroutine[Any, Any, None], ready: asyncio.Event) -> dict[str, Any]:
    """Run a worker as a task of the running event loop, and wait until the worker is ready.

    Args:
        work: The coroutine of the worker. The worker serves its agent until the coroutine is
            cancelled; then the worker leaves its room.
        ready: An event that `work` sets once both tracks are published.

    Returns:
        The record of the worker, JSON-safe, for `stop`, `kill` and `exited`.

    Raises:
        WorkerError: The worker ended before it was ready, or raised an unexpected exception.
        AvatarError: `work` raised the error before the worker was ready.
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
        error = None if task.cancelled() else task.exception()
        if isinstance(error, AvatarError):
            raise error
        if error is not None:
            log.error("A worker raised an error before the worker was ready.", exc_info=error)
        why = f": {describe_error(error)}" if error is not None else ""
        raise WorkerError(
            f"the worker ended before it was ready{why}.",
            hint="Read the messages of the worker in the log.",
        ) from error
    return keep(task, task.cancel)


def keep(task: asyncio.Task[None], end: Callable[[], object]) -> dict[str, Any]:
    """Register a worker that already runs as a task, until the task ends.

    Args:
        task: The task of the worker.
        end: A function that makes the worker leave its room and end.

    Returns:
        The record of the worker, JSON-safe, for a `ProvisionedAvatar.state`.
    """
    name = secrets.token_hex(8)
    _running[name] = task, end

    def ended(_: asyncio.Task[None]) -> None:
        """Forget the worker, and log the exception that its task raised, if any.

        Args:
            _: The task of the worker, which has ended.
        """
        del _running[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("An avatar worker ended with an unexpected error.", exc_info=error)

    task.add_done_callback(ended)
    return {"task": name}


async def stop(state: Mapping[str, Any]) -> None:
    """End a worker and wait until its task has ended; idempotent.

    The function cancels the task if it still runs after `STOP_S`.

    Args:
        state: The record of the worker. A record without a running worker has no effect.
    """
    if running := _running.get(str(state.get("task"))):
        await _end(*running)


def kill(state: Mapping[str, Any]) -> None:
    """Cancel the task of a worker without waiting for its end.

    Before the call, the caller must remove the worker's participant from the room, so that the
    worker cannot announce its end there.

    Args:
        state: The record of the worker. A record without a running worker has no effect.
    """
    if running := _running.get(str(state.get("task"))):
        running[0].cancel()


async def exited(state: Mapping[str, Any]) -> None:
    """Wait until the task of a worker has ended; return at once if it does not run.

    Args:
        state: The record of the worker.
    """
    if running := _running.get(str(state.get("task"))):
        await asyncio.wait([running[0]])


async def _end(task: asyncio.Task[None], end: Callable[[], object]) -> None:
    """Call `end`, wait up to `STOP_S` for the task, and cancel the task if it still runs."""
    end()
    _, pending = await asyncio.wait([task], timeout=STOP_S)
    if pending:
        task.cancel()
        await asyncio.wait(pending)
