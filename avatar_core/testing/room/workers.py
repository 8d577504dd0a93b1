"""Workers of a room in memory: tasks, with records like those of processes."""

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
    """Make a token for a room in memory.

    Args:
        spec: The identity and the attributes of the participant.

    Returns:
        The identity and the attributes as JSON.
    """
    return json.dumps({"identity": spec.identity, "attributes": dict(spec.attributes)})


def identity_of(token: str) -> str:
    """Return the identity in a token.

    Args:
        token: A token from `mint`.
    """
    return str(json.loads(token)["identity"])


def admit(room: Hub, token: str) -> RoomLink:
    """Join a room as an agent participant, with the identity and attributes of a token.

    Args:
        room: The room.
        token: A token from `mint`.

    Returns:
        The participant's connection to the room.
    """
    claims = json.loads(token)
    return room.join(claims["identity"], is_agent=True, attributes=claims["attributes"])


class MemoryWorkers:
    """The `StartWorker` of a room in memory.

    Args:
        room: The room.

    Attributes:
        room: The room, for workers with faults.
    """

    def __init__(self, room: Hub) -> None:
        self.room = room

    async def __call__(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Start a worker and wait until both its tracks are published.

        Args:
            renderer: `package.module:Class` of a `Renderer`.
            token: Room token of the worker, from `mint`.
            options: Keyword arguments of the renderer.

        Returns:
            The worker's record, for `stop_worker` and `worker_exited`.

        Raises:
            WorkerError: The renderer cannot be made, or the worker ended before it was ready.
            RoomError: The worker could not publish its tracks.
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
