"""Creates room links: for a room that the agent has joined, or by joining a room."""

from __future__ import annotations

import asyncio
import logging
import weakref

from livekit import rtc

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.link import RtcLink

log = logging.getLogger("avatar_core.rtc")

_links: weakref.WeakKeyDictionary[rtc.Room, weakref.ref[RtcLink]] = weakref.WeakKeyDictionary()

_leaving: set[asyncio.Task[None]] = set()
"""The tasks that leave rooms whose connection was cancelled."""


def link_for(room: rtc.Room) -> RtcLink:
    """Return the link of a connected room; all avatars of the same participant share the link.

    Args:
        room: A connected room.

    Returns:
        The link. The function creates a new link if the room has none, or if the room was left
        since the last call.

    Raises:
        Exception: The room was never connected.
    """
    reference = _links.get(room)
    link = reference() if reference is not None else None
    if link is None or link.is_stale:
        link = RtcLink(room)
        _links[room] = weakref.ref(link)
    return link


async def join(
    url: str,
    token: str,
    *,
    subscribe: bool = False,
    timeout_s: float = 10.0,
    encryption: rtc.E2EEOptions | None = None,
) -> RtcLink:
    """Join a room as a new participant.

    Args:
        url: The URL of the LiveKit server.
        token: The room token of the participant.
        subscribe: Whether to subscribe to all tracks of the room.
        timeout_s: Seconds to wait for the connection.
        encryption: The end-to-end encryption of tracks and data; None for no encryption.

    Returns:
        The link; closing it leaves the room.

    Raises:
        RoomError: The server cannot be reached within `timeout_s`, or refuses the token.
    """
    room = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=subscribe, encryption=encryption)
    refusal: str | None = None
    try:
        async with asyncio.timeout(timeout_s):
            await _connect(room, url, token, options)
    except TimeoutError as error:
        raise RoomError(
            f"The connection to the room at {url} took longer than {timeout_s:g} s.",
            hint="Check that the server runs and that this machine can connect to it.",
            code=ErrorCode.LIVEKIT_SERVER,
        ) from error
    except rtc.ConnectError as error:
        refusal = str(error).replace(
            token, "<token>"
        )  # the server quotes the token that it refuses
    if refusal is not None:  # raised here, so that the chain of causes holds no token
        raise RoomError(
            f"The connection to the room at {url} failed ({refusal}).",
            hint="Check that the server LIVEKIT_URL runs, and that LIVEKIT_API_KEY and "
            "LIVEKIT_API_SECRET belong to that server.",
            code=ErrorCode.LIVEKIT_SERVER,
        )
    link = RtcLink(room, owned=True)
    _links[room] = weakref.ref(link)
    return link


async def _connect(room: rtc.Room, url: str, token: str, options: rtc.RoomOptions) -> None:
    """Connect a room; if the caller is cancelled, leave the room as soon as it is connected.

    livekit 1.x ends the whole process (SIGTERM, "FFI Panic") if `Room.connect` is cancelled and the
    server accepts the connection afterwards.
    """
    connecting = asyncio.create_task(room.connect(url, token, options), name="connect-room")
    try:
        await asyncio.shield(connecting)
    except asyncio.CancelledError:
        task = asyncio.create_task(_leave(room, connecting), name="leave-room")
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)
        raise


async def _leave(room: rtc.Room, connecting: asyncio.Task[None]) -> None:
    try:
        await connecting
        await room.disconnect()
    except Exception as error:  # the room was not joined, or was left already
        log.debug("A connection that nobody waits for has failed (%s).", type(error).__name__)
