"""Creates the session context of an agent in a room in memory."""

from __future__ import annotations

from avatar_core.contracts.link import RoomLink
from avatar_core.net import MEMORY_URL
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.release import Releaser
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.workers import MemoryWorkers, mint

IN_MEMORY = LiveKitSettings.model_validate(
    {"LIVEKIT_URL": "wss://memory.example", "LIVEKIT_API_KEY": "none", "LIVEKIT_API_SECRET": "none"}
)
"""Settings for `create_avatar` in a room in memory, which has no server."""


def memory_context(
    link: RoomLink, room: Hub, settings: AvatarSettings, room_key: bytes | None = None
) -> SessionContext:
    """Return the session context of an agent in a room in memory, without a ledger.

    Args:
        link: The agent's connection to the room.
        room: The room in memory.
        settings: The settings that hold the timeouts.
        room_key: The key with which the agent encrypts its messages; None for no encryption.

    Returns:
        The context; it starts workers as asyncio tasks in the room.
    """

    async def remove(_: str, identity: str) -> bool:
        """Remove a participant from the room.

        Args:
            identity: Identity of the participant.

        Returns:
            Whether the participant was in the room.
        """
        was_there = identity in room.members
        room.remove(identity)
        return was_there

    return SessionContext(
        link=link,
        livekit_url=MEMORY_URL,
        mint=mint,
        start_worker=MemoryWorkers(room, room_key, settings.room_key()),
        releaser=Releaser(link, Ledger(None), remove),
        provision_timeout_s=settings.provision_timeout_s,
        join_timeout_s=settings.join_timeout_s,
        retries=settings.retries,
        listener_timeout_s=settings.listener_timeout_s,
        monitor=settings.monitor == "auto",
        first_sound_s=settings.first_sound_s,
        avatar_name=settings.name,
        avatar_attributes=settings.attributes,
    )
