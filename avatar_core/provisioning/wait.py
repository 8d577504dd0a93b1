"""A join is evidence: identities are unique, so whoever joins under one was bought with it."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.link import RoomLink


async def wait_for_participant(link: RoomLink, identity: str, within_s: float) -> bool:
    """Whether a participant is in the room now, or joins in time.

    Args:
        link: A place in the room.
        identity: Whom to look for.
        within_s: How long.
    """
    there = asyncio.Event()

    def look(*_: object) -> None:
        if identity in link.remote_participants():
            there.set()

    unwatch = link.watch(look)
    try:
        look()
        async with asyncio.timeout(within_s):
            await there.wait()
    except TimeoutError:
        return False
    finally:
        unwatch()
    return True
