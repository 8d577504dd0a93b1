"""The removal of the track of an audio output that the audio tail replaced."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.agents.voice import io
from livekit.rtc.participant import UnpublishTrackError

from avatar_core.tasks import BackgroundTasks

log = logging.getLogger("avatar_core")

RECORDED_S, TICK_S = 1.0, 0.02
"""Seconds to wait until LiveKit's audio output stores its publication, and seconds between two
checks. The output stores the publication soon after the room has announced it."""


class ReplacedTrack:
    """A watch that unpublishes the track of a replaced audio output whenever it is published.

    A front end could use the silent microphone track of the agent as the agent's voice, and show no
    avatar. LiveKit's audio output may publish its track late, after a user has joined.

    Args:
        room: The room of the agent.
        output: The audio output that the audio tail replaced.
        tasks: Runs the tasks that unpublish the track.
    """

    def __init__(self, room: rtc.Room, output: io.AudioOutput, tasks: BackgroundTasks) -> None:
        self._room = room
        self._output = output
        self._tasks = tasks
        room.on("local_track_published", self._on_published)
        if room.isconnected():
            for publication in room.local_participant.track_publications.values():
                self._on_published(publication)

    def close(self) -> None:
        """Stop watching the room. A second call of this method has no effect."""
        self._room.off("local_track_published", self._on_published)

    def _on_published(self, publication: rtc.LocalTrackPublication, *_: object) -> None:
        self._tasks.start(self._unpublish(publication), "unpublish-replaced-track")

    async def _unpublish(self, publication: rtc.LocalTrackPublication) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + RECORDED_S
        while all(value is not publication for value in vars(self._output).values()):
            if loop.time() > until:
                return  # another track of the application
            await asyncio.sleep(TICK_S)
        subscribed = getattr(self._output, "subscribed", None)
        if isinstance(subscribed, asyncio.Future) and not subscribed.done():
            subscribed.set_result(None)  # AgentSession's timer for absent users waits for it
        try:
            await self._room.local_participant.unpublish_track(publication.sid)
        except UnpublishTrackError:
            log.warning(
                "The room did not unpublish the track of the replaced audio output. Participants "
                "may hear that track instead of the avatar."
            )
