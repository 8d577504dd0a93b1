"""Starts worker processes in the room of an agent, with the key of the room if it is encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit import rtc

from avatar_core.rtc import worker_process
from avatar_core.rtc.encryption import describe_encryption
from avatar_core.worker.process import start_process


class RoomWorkers:
    """Starts our workers in one room of a LiveKit server; implements `StartWorker`.

    The repr of the object does not show the key.

    Args:
        room: The room of the agent.
        livekit_url: The URL of the LiveKit server.
        key: The key of an encrypted room, as the settings contain it; None if it is not set.

    Attributes:
        livekit_url: The URL of the LiveKit server.
    """

    def __init__(self, room: rtc.Room, livekit_url: str, key: bytes | None = None) -> None:
        self.livekit_url = livekit_url
        self._room = room
        self._key = key

    def encryption(self) -> Mapping[str, Any] | None:
        """Describe the encryption of the room for a worker process.

        Returns:
            The description, which contains the key; None if the room is not encrypted.

        Raises:
            ProvisionError: The key is missing, or it is not the shared key of the room.
        """
        return describe_encryption(self._room, self._key)

    async def __call__(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """Start a worker process, and wait until it has joined the room.

        Args:
            renderer: The renderer class as `package.module:Class`.
            token: The room token of the worker.
            options: Keyword arguments of the renderer, JSON-safe; None for no arguments.

        Returns:
            The record of the worker, for `stop_worker` and `worker_exited`.

        Raises:
            ProvisionError: The key of the encrypted room is missing or wrong.
            WorkerError: The process cannot be started, or ended before it was ready.
        """
        return await start_process(
            worker_process.__name__,
            renderer=renderer,
            livekit_url=self.livekit_url,
            token=token,
            options=options,
            encryption=self.encryption(),
        )
