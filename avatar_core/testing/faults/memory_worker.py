"""Workers with faults in a room in memory, each of them a task."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.link import RoomLink
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker import perform
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.workers import admit, identity_of
from avatar_core.worker import in_process
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.renderers import load_renderer


async def start_faulty_task(
    room: Hub,
    renderer: str,
    *,
    token: str,
    options: Mapping[str, Any] | None = None,
    scenario: Scenario,
) -> Mapping[str, Any]:
    """Start a worker with faults in a room in memory.

    Args:
        room: The room.
        renderer: `package.module:Class` of a `Renderer`.
        token: Room token of the worker, from `workers.mint`.
        options: Keyword arguments of the renderer.
        scenario: The faults.

    Returns:
        The worker's record, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The renderer cannot be made, or the worker ended before it was ready.
        RoomError: The worker could not publish its tracks.
    """
    ready = asyncio.Event()
    load_renderer(renderer, options or {}).close()  # raises now if it cannot be made

    async def work() -> None:
        await perform(
            _Task(room, token), lambda: load_renderer(renderer, options or {}), scenario, ready
        )

    return await in_process.start(work(), ready)


class _Task:
    """The body of a worker that is the current task."""

    def __init__(self, room: Hub, token: str) -> None:
        self._room = room
        self._token = token
        self._identity = identity_of(token)
        self._task = asyncio.current_task()

    async def join(self) -> RoomLink:
        return admit(self._room, self._token)

    def executor(self) -> InlineExecutor:
        return InlineExecutor()

    def join_beside(self) -> RoomLink:
        return self._room.join(f"{self._identity}-foreigner")

    def crash(self) -> None:
        self._room.crash(self._identity)
        if self._task is not None:
            self._task.cancel()

    def freeze(self) -> None:
        self._room.members[self._identity].link.freeze()

    async def reconnect(self) -> None:
        self._room.reconnect(self._identity)
