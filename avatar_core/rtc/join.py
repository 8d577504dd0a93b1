"""Ways to a link: join a room, or use the room that an agent has joined."""

from __future__ import annotations

import asyncio
import weakref

from livekit import rtc

from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.link import RtcLink

_links: weakref.WeakKeyDictionary[rtc.Room, weakref.ref[RtcLink]] = weakref.WeakKeyDictionary()


def link_for(room: rtc.Room) -> RtcLink:
    """The one link of a connected room; every avatar of this participant shares it."""
    reference = _links.get(room)
    link = reference() if reference is not None else None
    if link is None or link.is_stale:
        link = RtcLink(room)
        _links[room] = weakref.ref(link)
    return link


async def join(
    url: str, token: str, *, subscribe: bool = False, timeout_s: float = 10.0
) -> RtcLink:
    """Join a room as a participant of its own.

    Raises:
        RoomError: The server cannot be reached, or refuses the token.
    """
    room = rtc.Room()
    refusal: str | None = None
    try:
        async with asyncio.timeout(timeout_s):
            await room.connect(url, token, rtc.RoomOptions(auto_subscribe=subscribe))
    except TimeoutError as error:
        raise RoomError(
            f"{url} did not let us into the room within {timeout_s:g} s.",
            hint="Check that the server runs and that this machine reaches it.",
        ) from error
    except rtc.ConnectError as error:
        refusal = str(error).replace(token, "<token>")  # the server quotes a token it refuses
    if refusal is not None:  # raised out here: its cause, token and all, stays out of its chain
        raise RoomError(
            f"{url} did not let us into the room ({refusal}).",
            hint="Check LIVEKIT_URL, that the server runs, and that key and secret are its own.",
        )
    link = RtcLink(room, owned=True)
    _links[room] = weakref.ref(link)
    return link
