"""Workers that are tasks of this process, found again by a record."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

STOP_S = 1.0

_running: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}


def keep(task: asyncio.Task[None], stopping: asyncio.Event) -> dict[str, Any]:
    """Note a running worker; returns its record for a `ProvisionedAvatar.state`."""
    name = secrets.token_hex(8)
    _running[name] = task, stopping
    task.add_done_callback(lambda _: _running.pop(name, None))
    return {"task": name}


async def stop(state: Mapping[str, Any]) -> None:
    """End the worker of a record; idempotent."""
    task, stopping = _running.get(str(state.get("task")), (None, None))
    if task is not None and stopping is not None:
        stopping.set()
        await asyncio.wait([task], timeout=STOP_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def kill(state: Mapping[str, Any]) -> None:
    """End the worker of a record without a word, as SIGKILL does."""
    task, _ = _running.get(str(state.get("task")), (None, None))
    if task is not None:
        task.cancel()


async def exited(state: Mapping[str, Any]) -> None:
    """Return once the worker of a record has ended."""
    task, _ = _running.get(str(state.get("task")), (None, None))
    if task is not None:
        await asyncio.wait([task])
