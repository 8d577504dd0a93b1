"""Workers of a room in memory: tasks, with a record like that of a process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.testing.room.members import Hub
from avatar_core.worker import in_process
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.renderers import load_renderer
from avatar_core.worker.worker import AvatarWorker


def mint(spec: TokenSpec) -> str:
    """A token for a room in memory: it says who joins, and opens nothing else."""
    return json.dumps({"identity": spec.identity, "attributes": dict(spec.attributes)})


def identity_of(token: str) -> str:
    """Who joins with such a token."""
    return str(json.loads(token)["identity"])


def admit(room: Hub, token: str) -> RoomLink:
    """Join with such a token."""
    claims = json.loads(token)
    return room.join(claims["identity"], is_agent=True, attributes=claims["attributes"])


class MemoryWorkers:
    """Starts workers in a room in memory: its `StartWorker`.

    Args:
        room: The room.

    Attributes:
        room: The same, for faults.
    """

    def __init__(self, room: Hub) -> None:
        self.room = room

    async def __call__(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Start a worker; return its record when it is in the room with both its tracks.

        Raises:
            WorkerError: It cannot be made, or it ended before it was ready.
        """
        ready = asyncio.Event()
        drawing = load_renderer(renderer, options or {})

        async def work() -> None:
            link = admit(self.room, token)
            try:
                worker = AvatarWorker(link, drawing, executor=InlineExecutor(), ready=ready)
                await worker.run()
            finally:
                await link.aclose()

        return await in_process.start(work(), ready)
