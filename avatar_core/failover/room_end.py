"""The end of a room, at which the participants leave in any order.

When a server deletes a room, the agent may see the avatar leave some milliseconds before its own
connection ends (5 ms on the loopback interface, livekit-server 1.13.5).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from avatar_core.contracts.errors import TransportError
from avatar_core.contracts.link import RoomLink
from avatar_core.playback.room_closed import RoomClosedError
from avatar_core.playback.transport import Transport
from avatar_core.playback.voice import Voice

LAST_EVENTS_S = 0.1
"""Seconds to wait for the end of the room, before a loss counts as a failure of a provider."""


async def is_room_closing(link: RoomLink) -> bool:
    """Wait for the last events of a room.

    Args:
        link: The agent's connection to the room.

    Returns:
        Whether the room has closed.
    """
    await asyncio.sleep(LAST_EVENTS_S)
    return not link.connected


async def open_voice(voice: Voice, link: RoomLink) -> Transport:
    """Publish the agent's own voice.

    Args:
        voice: The agent's own voice.
        link: The agent's connection to the room.

    Returns:
        The transport of the voice.

    Raises:
        RoomClosedError: The room has closed.
        TransportError: The room is open, but the track cannot be published.
    """
    try:
        return await voice.open()
    except TransportError:
        if await is_room_closing(link):
            raise RoomClosedError(link.room_name) from None
        raise


async def prepare_voice(voice: Voice, link: RoomLink) -> None:
    """Publish the agent's own voice before there is speech; do nothing if the room has closed.

    Args:
        voice: The agent's own voice.
        link: The agent's connection to the room.

    Raises:
        TransportError: The room is open, but the track cannot be published.
    """
    with suppress(RoomClosedError):
        await open_voice(voice, link)
