"""What only the owner of a LiveKit project may do in a room."""

from __future__ import annotations

import asyncio

import aiohttp
from livekit import api

from avatar_core.contracts.errors import RoomError
from avatar_core.settings import LiveKitSettings

ANSWER_S = 3.0


async def remove(livekit: LiveKitSettings, room: str, identity: str) -> None:
    """Put a participant out of a room; one that is not there is out.

    Raises:
        RoomError: The server could not be told.
    """
    fault = ""
    try:
        async with (
            asyncio.timeout(ANSWER_S),
            api.LiveKitAPI(
                livekit.url,
                livekit.api_key.get_secret_value(),
                livekit.api_secret.get_secret_value(),
            ) as server,
        ):
            await server.room.remove_participant(
                api.RoomParticipantIdentity(room=room, identity=identity)
            )
    except api.TwirpError as error:
        fault = "" if error.code == api.TwirpErrorCode.NOT_FOUND else error.code
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fault = type(error).__name__
    if fault:  # raised out here, so that no chain leads to the key
        raise RoomError(
            f"{identity} could not be put out of the room {room!r} ({fault}).",
            hint="Check LIVEKIT_URL, and that key and secret are its own.",
        )
