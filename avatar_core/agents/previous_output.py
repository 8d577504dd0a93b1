"""The audio output that an agent session had before the avatar's output replaced it."""

from __future__ import annotations

import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.rtc.participant import UnpublishTrackError

log = logging.getLogger("avatar_core")


def runs(session: AgentSession[Any]) -> bool:
    """Return whether the session has a current agent, so that it is running.

    Args:
        session: The agent session.
    """
    try:
        return session.current_agent is not None
    except RuntimeError:
        return False


def tail(session: AgentSession[Any]) -> object | None:
    """Return the last output in the audio chain of a session.

    Args:
        session: The agent session.

    Returns:
        The output; None if the session has no audio output.
    """
    last = session.output.audio
    while last is not None and last.next_in_chain is not None:
        last = last.next_in_chain
    return last


async def unpublish(room: rtc.Room, replaced: object | None) -> None:
    """Unpublish the track of a replaced output; listeners could use it instead of the avatar's.

    A track that cannot be removed is logged.

    Args:
        room: The room of the agent, connected.
        replaced: The output that was replaced; None if the session had no output.
    """
    held = [id(value) for value in vars(replaced).values()] if replaced is not None else []
    for publication in list(room.local_participant.track_publications.values()):
        if id(publication) in held:
            try:
                await room.local_participant.unpublish_track(publication.sid)
            except UnpublishTrackError:
                log.warning(
                    "The room did not unpublish a track of the previous audio output. Participants "
                    "may hear that track instead of the avatar."
                )
