"""Workers that run as tasks in a room in memory, with records like those of worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import jwt

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.room.members import Hub
from avatar_core.worker import in_process
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.renderers import load_renderer
from avatar_core.worker.room_key import check_room_key
from avatar_core.worker.worker import AvatarWorker

SIGNER = LiveKitSettings.model_validate(
    {
        "LIVEKIT_URL": "wss://memory.invalid",
        "LIVEKIT_API_KEY": "memory",
        "LIVEKIT_API_SECRET": "no server checks this signature.",
    }
)
"""The settings that sign the tokens of rooms in memory."""


def mint(spec: TokenSpec) -> str:
    """Return a token that admits a participant to a room in memory.

    The token is a JWT with the same claims as on a server, so that a fake vendor can read it.

    Args:
        spec: The identity, the attributes and the lifetime of the participant.

    Returns:
        The token. It is valid in any room in memory.
    """
    # The clock is read at each call, because a virtual loop replaces `time.time`.
    return TokenMint(SIGNER, "memory", unix_time=lambda: time.time()).mint(spec)


def identity_of(token: str) -> str:
    """Return the identity of the participant that a token admits.

    Args:
        token: A token from `mint`.

    Returns:
        The identity of the participant.
    """
    return str(_claims_of(token)["sub"])


def _claims_of(token: str) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def admit(room: Hub, token: str, key: bytes | None = None) -> RoomLink:
    """Join a room in memory as the agent participant that a token admits.

    Args:
        room: The room to join.
        token: A token from `mint`.
        key: The key with which the participant encrypts its messages; None for no encryption.

    Returns:
        The participant's connection to the room.

    Raises:
        RuntimeError: The library looptime controls the running event loop.
    """
    claims = _claims_of(token)
    return room.join(claims["sub"], is_agent=True, attributes=claims["attributes"], key=key)


class MemoryWorkers:
    """Starts our own workers in a room in memory; implements `StartWorker`.

    Args:
        room: The room that the workers join.
        room_key: The key with which the agent encrypts its messages; None for no encryption.
        key: The key of the settings; None if it is not set.

    Attributes:
        room: The room that the workers join.
    """

    def __init__(self, room: Hub, room_key: bytes | None = None, key: bytes | None = None) -> None:
        self.room = room
        self._room_key, self._key = room_key, key

    def worker_key(self) -> bytes | None:
        """Return the key with which a worker joins the room; None if the room is not encrypted.

        Returns:
            The key.

        Raises:
            ProvisionError: The key of the settings is missing, or it is not the key of the room.
        """
        return None if self._room_key is None else check_room_key(self._room_key, self._key)

    async def __call__(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Start a worker, and wait until its audio and video tracks are published.

        Args:
            renderer: Path of a `Renderer` class: `package.module:Class`.
            token: Room token of the worker, from `mint`.
            options: Keyword arguments of the renderer class; None for none.

        Returns:
            The record of the worker, for `stop_worker` and `worker_exited`.

        Raises:
            ProvisionError: The key of the encrypted room is missing or wrong.
            WorkerError: The renderer cannot be created, or the worker ended before it was ready.
            AvatarError: The renderer class raised the error.
            RoomError: The worker could not publish its tracks.
            RuntimeError: The library looptime controls the running event loop.
        """
        ready, key = asyncio.Event(), self.worker_key()
        drawing = load_renderer(renderer, options or {})

        async def work() -> None:
            """Run the worker until its agent leaves or its room ends, then leave the room.

            Raises:
                WorkerError: The token does not name an agent.
                RoomError: The worker could not publish its tracks.
                RuntimeError: The library looptime controls the running event loop.
            """
            link = admit(self.room, token, key)
            try:
                worker = AvatarWorker(link, drawing, executor=InlineExecutor(), ready=ready)
                await worker.run()
            finally:
                await link.aclose()

        return await in_process.start(work(), ready)
