"""A wait for the join of a participant with a given identity."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.participants import RoomPresence


async def wait_for_participant(link: RoomPresence, identity: str, within_s: float) -> bool:
    """Wait until a participant is in the room.

    Args:
        link: A view on the room.
        identity: The identity of the participant.
        within_s: The time limit in seconds.

    Returns:
        True if the participant is in the room now, or joins within `within_s` seconds.
    """
    present = asyncio.Event()

    def look(*_: object) -> None:
        """Set `present` if the participant is in the room.

        Args:
            _: The arguments of a room event, which are not used.
        """
        if identity in link.remote_participants():
            present.set()

    unwatch = link.watch(look)
    try:
        look()
        async with asyncio.timeout(within_s):
            await present.wait()
    except TimeoutError:
        return False
    finally:
        unwatch()
    return True
