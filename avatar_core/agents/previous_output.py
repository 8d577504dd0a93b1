"""Functions for the audio output that the audio tail of an avatar replaces."""

from __future__ import annotations

import logging
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.rtc.participant import UnpublishTrackError

log = logging.getLogger("avatar_core")


def runs(session: AgentSession[Any]) -> bool:
    """Return whether an agent session is running.

    Args:
        session: The agent session.

    Returns:
        True if the session has a current agent.
    """
    try:
        return session.current_agent is not None
    except RuntimeError:
        return False


def tail(session: AgentSession[Any]) -> object | None:
    """Return the last output in the chain of audio outputs of an agent session.

    Args:
        session: The agent session.

    Returns:
        The last output; None if the session has no audio output.
    """
    last = session.output.audio
    while last is not None and last.next_in_chain is not None:
        last = last.next_in_chain
    return last


async def unpublish(room: rtc.Room, replaced: object | None) -> None:
    """Unpublish the track of an audio output that the audio tail replaced.

    A listener could play the old track instead of the avatar's track. If the old track cannot be
    unpublished, the function logs a warning.

    Args:
        room: The room of the agent, connected.
        replaced: The output that was replaced; None if the agent session had no output.
    """
    held = [id(value) for value in vars(replaced).values()] if replaced is not None else []
    for publication in list(room.local_participant.track_publications.values()):
        if id(publication) in held:
            try:
                await room.local_participant.unpublish_track(publication.sid)
            except UnpublishTrackError:
                log.warning("A track of the previous audio output could not be removed.")
