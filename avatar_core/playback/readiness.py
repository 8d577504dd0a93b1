"""The wait for an avatar that is in the room and can be heard."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.provider import SinkContext

SUBSCRIBED_S = 0.15
"""Wait after a track's publication, until the participants hear it: 37 to 67 ms (measured), more on
a busy machine. Without the wait a listener would miss the first syllable."""


async def wait_until_ready(ctx: SinkContext) -> None:
    """Wait until the worker is in the room and meets the condition `Capabilities.ready_on`.

    The function waits without a time limit; the caller sets a deadline.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
    """
    ready = asyncio.Event()
    to, wanted = ctx.avatar.audio_destination, ctx.capabilities.ready_on

    def look(_: RoomEvent | None = None, __: RemoteParticipant | None = None) -> None:
        """Set `ready` if the worker is in the room and meets `Capabilities.ready_on`."""
        participants = ctx.link.remote_participants()
        avatar = participants.get(ctx.avatar.identity)
        if avatar and to in participants and wanted in {"join", *avatar.tracks}:
            ready.set()

    unwatch = ctx.link.watch(look)
    try:
        look()
        await ready.wait()
    finally:
        unwatch()
    await asyncio.sleep(SUBSCRIBED_S)
