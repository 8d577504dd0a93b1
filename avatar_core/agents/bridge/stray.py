"""The detection of an avatar that joined the room under another identity than the plugin stated."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF


async def wait_for_stray(link: RoomLink, identity: str) -> str:
    """Wait until another avatar of this agent joins before the expected avatar.

    The function waits forever if the expected avatar joins first.

    Args:
        link: The agent's connection to the room.
        identity: The identity of the expected avatar.

    Returns:
        The identity of the other avatar.
    """
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Check whether the participant that joined is an avatar of this agent.

        Args:
            event: The event of the room.
            participant: The participant that the event concerns, or None.
        """
        if event is not RoomEvent.JOINED or participant is None or found.done():
            return
        if participant.identity == identity or identity in link.remote_participants():
            unwatch()
        elif participant.attributes.get(PUBLISH_ON_BEHALF) == link.identity and not _is_ours(
            participant.identity
        ):
            found.set_result(participant.identity)

    unwatch = link.watch(look)
    try:
        return await found
    finally:
        unwatch()


def _is_ours(identity: str) -> bool:
    """Return whether avatar-core made an identity: `<provider>-avatar-` and 8 hex digits."""
    head, _, suffix = identity.rpartition("-")
    return head.endswith("-avatar") and len(suffix) == 8
