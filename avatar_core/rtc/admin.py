"""What only the owner of a LiveKit project may do in a room."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import aiohttp
from livekit import api

from avatar_core.contracts.errors import RoomError
from avatar_core.settings import LiveKitSettings

ANSWER_S = 3.0
SKEW_S = 10.0
"""Tokens are valid from so long before they are made: an older clock is no fault."""
CLOCK = "Set it: timedatectl set-ntp true"


async def remove(livekit: LiveKitSettings, room: str, identity: str) -> bool:
    """Put a participant out of a room; False where it was not there.

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
            return True
    except api.TwirpError as error:
        fault = "" if error.code == api.TwirpErrorCode.NOT_FOUND else error.code
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fault = type(error).__name__
    if fault:  # raised out here, so that no chain leads to the key
        raise RoomError(
            f"{identity} could not be put out of the room {room!r} ({fault}).",
            hint="Check LIVEKIT_URL, and that key and secret are its own.",
        )
    return False


async def check(livekit: LiveKitSettings) -> float:
    """Whether the server is there, and takes our key; returns seconds that our clock is ahead.

    Raises:
        RoomError: It is not, or does not.
    """
    url = livekit.url.replace("ws", "http", 1) if livekit.url.startswith("ws") else livekit.url
    fault, hint, ahead_s = "", "Check LIVEKIT_URL, and that the server runs.", 0.0
    try:
        async with asyncio.timeout(ANSWER_S):
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
                ahead_s = time.time() - told
            async with api.LiveKitAPI(
                livekit.url,
                livekit.api_key.get_secret_value(),
                livekit.api_secret.get_secret_value(),
            ) as server:
                await server.room.list_rooms(api.ListRoomsRequest(names=["avatar-doctor"]))
    except api.TwirpError as error:
        fault, hint = f"refuses our key ({error.code})", "Check LIVEKIT_API_KEY and _SECRET."
    except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
        fault = f"does not answer as a LiveKit server ({type(error).__name__})"
    if fault and abs(ahead_s) > SKEW_S:
        fault, hint = f"refuses our tokens: this machine's clock is {ahead_s:+.0f} s off", CLOCK
    if fault:
        raise RoomError(f"{livekit.url} {fault}.", hint=hint)
    return ahead_s
