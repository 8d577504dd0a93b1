"""Workers of a room in memory: tasks, with a record like that of a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker import load_renderer, perform
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker import in_process as tasks
from avatar_core.worker.executors import InlineExecutor


def mint(spec: TokenSpec) -> str:
    """A token for a room in memory: it says who joins, and opens nothing else."""
    return json.dumps({"identity": spec.identity, "attributes": dict(spec.attributes)})


def admit(room: MemoryRoom, token: str) -> RoomLink:
    """Join with such a token."""
    claims = json.loads(token)
    return room.join(claims["identity"], is_agent=True, attributes=claims["attributes"])


class _Task:
    """The body of a worker that is a task."""

    def __init__(self, room: MemoryRoom, token: str) -> None:
        self._room = room
        self._token = token
        self.identity = json.loads(token)["identity"]
        self.task: asyncio.Task[None] | None = None

    async def join(self) -> RoomLink:
        return admit(self._room, self._token)

    def executor(self) -> InlineExecutor:
        return InlineExecutor()

    def join_beside(self) -> RoomLink:
        return self._room.join(f"{self.identity}-foreigner")

    def crash(self) -> None:
        self._room.crash(self.identity)
        if self.task is not None:
            self.task.cancel()

    def freeze(self) -> None:
        self._room.members[self.identity].link.freeze()

    async def reconnect(self) -> None:
        self._room.reconnect(self.identity)


async def start_worker(
    room: MemoryRoom,
    renderer: str,
    *,
    token: str,
    options: Mapping[str, Any] | None = None,
    scenario: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Start a worker in the room; return when it is there with both its tracks.

    Raises:
        WorkerError: It cannot be made.
    """
    ready, stopping = asyncio.Event(), asyncio.Event()
    load_renderer(renderer, options or {}).close()  # a fault is told now
    body = _Task(room, token)
    task = body.task = asyncio.create_task(
        perform(
            body,
            lambda: load_renderer(renderer, options or {}),
            Scenario.read(scenario or {}),
            ready=ready,
            stopping=stopping,
        ),
        name="avatar-worker-task",
    )
    state = tasks.keep(task, stopping)
    await ready.wait()
    return state
