"""The insertion of an audio tail into the output chain of an agent session, and its removal."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io

from avatar_core.agents.heard_transcript import HeardTranscript
from avatar_core.agents.output_chain import outputs_of, put_back, wait_until_idle
from avatar_core.agents.replaced_track import ReplacedTrack
from avatar_core.tasks import BackgroundTasks


class TailPlacement:
    """The place of an audio tail in the chain of audio outputs of its agent session.

    The audio tail creates its placement. The avatar session calls `attach` and `close`.

    Args:
        session: The agent session.
        tail: The audio tail.
        room: The room of the agent. Only an `rtc.Room` can have a track to unpublish.
        transcript: The transcript of the tail; the placement removes the transcript from the
            session together with the tail.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        tail: io.AudioOutput,
        room: object,
        transcript: HeardTranscript,
    ) -> None:
        self._session = session
        self._tail = tail
        self._room = room
        self._transcript = transcript
        self._tasks = BackgroundTasks()
        self._replaced: io.AudioOutput | None = None
        self._track: ReplacedTrack | None = None

    async def attach(self) -> None:
        """Insert the tail into the chain of audio outputs.

        If a segment is playing, a background task inserts the tail after the segment.
        """
        try:
            async with asyncio.timeout(0):
                await wait_until_idle(self._session)
        except TimeoutError:
            self._tasks.start(self._attach_when_idle(), "attach-audio-tail")
        else:
            self._attach()

    def close(self) -> None:
        """Remove the tail from the chain, and put the replaced audio output back."""
        if self._track is not None:
            self._track.close()
        for task in self._tasks.running:
            task.cancel()
        self._transcript.close()
        put_back(self._session, self._tail, self._replaced)

    async def _attach_when_idle(self) -> None:
        await wait_until_idle(self._session)
        self._attach()

    def _attach(self) -> None:
        outputs = outputs_of(self._session)
        self._replaced = outputs[-1] if outputs else None
        self._session.output.replace_audio_tail(self._tail)
        if isinstance(self._room, rtc.Room) and self._replaced is not None:
            self._track = ReplacedTrack(self._room, self._replaced, self._tasks)
