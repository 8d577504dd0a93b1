"""Calls to the LiveKit server's API that need the API key of the project."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
from livekit import api

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.server_api import open_api
from avatar_core.settings import LiveKitSettings

TIMEOUT_S = 3.0
SKEW_S = 10.0
"""A token is valid from this long before its creation, so a smaller clock error does not matter."""
SET_CLOCK_HINT = "Set the clock: timedatectl set-ntp true"


async def remove_participant(livekit: LiveKitSettings, room: str, identity: str) -> bool:
    """Remove a participant from a room.

    Args:
        livekit: The URL of the server, and its API key and secret.
        room: The name of the room.
        identity: The identity of the participant.

    Returns:
        True if the participant was removed, False if it was not in the room.

    Raises:
        RoomError: The server cannot be reached, did not respond within 3 s, or refused the call.
    """
    fault = ""
    try:
        async with open_api(livekit, TIMEOUT_S) as server:
            await server.room.remove_participant(
                api.RoomParticipantIdentity(room=room, identity=identity)
            )
            return True
    except api.TwirpError as error:
        fault = "" if error.code == api.TwirpErrorCode.NOT_FOUND else error.code
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fault = type(error).__name__
    if fault:  # raised outside of the handlers, so that no chain of causes leads to the key
        raise RoomError(
            f"The LiveKit server did not remove {identity} from the room {room!r} ({fault}).",
            hint="Check that LIVEKIT_API_KEY and LIVEKIT_API_SECRET belong to the server "
            "LIVEKIT_URL.",
            code=ErrorCode.LIVEKIT_SERVER,
        )
    return False


async def check_server(livekit: LiveKitSettings) -> float:
    """Check that the LiveKit server responds and accepts our API key.

    Args:
        livekit: The URL of the server, and its API key and secret.

    Returns:
        Seconds by which this machine's clock is ahead of the server's clock; negative if it is
        behind.

    Raises:
        RoomError: The server did not respond within 3 s, refuses the key, or refuses our tokens
            because this machine's clock is wrong.
    """
    fault, hint, ahead_s = "", "Check LIVEKIT_URL, and that the server runs.", 0.0
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async with (
                aiohttp.ClientSession() as session,
                session.get(livekit.http_url) as response,
            ):
                server_time = parsedate_to_datetime(response.headers["Date"]).timestamp()
                ahead_s = time.time() - server_time
            async with open_api(livekit, TIMEOUT_S) as server:
                await server.room.list_rooms(api.ListRoomsRequest(names=["avatar-doctor"]))
    except api.TwirpError as error:
        fault, hint = (
            f"refuses the API key ({error.code})",
            "Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        )
    except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
        fault = f"does not respond like a LiveKit server ({type(error).__name__})"
    if fault and abs(ahead_s) > SKEW_S:
        fault = f"refuses room tokens, because this machine's clock is {ahead_s:+.0f} s off"
        hint = SET_CLOCK_HINT
    if fault:
        raise RoomError(
            f"The check of LIVEKIT_URL failed: {livekit.url} {fault}.",
            hint=hint,
            code=ErrorCode.LIVEKIT_SERVER,
        )
    return ahead_s
