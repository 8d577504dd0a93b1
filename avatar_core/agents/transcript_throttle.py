"""The transcript throttle: delays the transcript until the listener has heard the audio.

The transcript synchronizer of livekit-agents 1.8.9 (`voice/transcription/synchronizer.py`) paces
the text by the wall clock since playback started, and does not read the playback position. When
that clock is ahead of the audio that was heard, the throttle calls `pause` on the first audio
output of the agent session. The synchronizer then holds back the text, and the audio tail ignores
the call. After an interruption, the chat history contains only words that were heard; the last word
that was heard may be missing.

The throttle delays only speech whose text `HeardTranscript` does not receive: speech that the agent
session created while an earlier speech kept the synchronizer busy, before the avatar started.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession

from avatar_core.playback.segment import Segment

LEAD_S = 0.15
TICK_S = 0.03
FRESH_S = 0.2
"""After a position report, the throttle assumes for at most this time that playback continues. The
worker sends a report every 0.1 s."""


class TranscriptThrottle:
    """Delays the transcript of an agent session until the listener has heard the audio.

    The audio tail creates the throttle, and starts it for one segment at a time.

    Args:
        session: The agent session whose audio output the throttle pauses and resumes.
    """

    def __init__(self, session: AgentSession[Any]) -> None:
        self._session = session
        self._task: asyncio.Task[None] | None = None
        self._toggling = False
        self._holding = False
        self._paused_at: float | None = None
        self._paused_s = 0.0
        self._started_at = 0.0

    def started(self, segment: Segment, created_at: float) -> None:
        """Start delaying the transcript of a segment.

        Args:
            segment: The segment that started to play.
            created_at: Unix time in seconds at which the synchronizer's clock for the segment
                started.
        """
        self._started_at = created_at
        self._paused_s = 0.0
        if self._paused_at is not None:
            self._paused_at = max(self._paused_at, created_at)
        self._task = asyncio.create_task(self._hold_back(segment), name="transcript-throttle")

    def interrupted(self) -> None:
        """Hold back the transcript until the segment finishes.

        The transport may confirm the end of its playback later.
        """
        if self._task is not None:
            self._task.cancel()
            self._task = None
            if self._paused_at is None:
                self._hold()

    def finished(self) -> None:
        """Stop delaying the transcript, because the segment finishes now."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._release()

    def heard_pause(self) -> bool:
        """Record that the audio outputs of the agent session were paused.

        Returns:
            True if another object paused the outputs, so that the player must also pause.
            False if this throttle paused the outputs.
        """
        if self._paused_at is None:
            self._paused_at = time.time()
        if not self._toggling:
            self._holding = False
        return not self._toggling

    def heard_resume(self) -> bool:
        """Record that the audio outputs of the agent session were resumed.

        Returns:
            True if another object resumed the outputs, so that the player must also resume.
            False if this throttle resumed the outputs.
        """
        if self._paused_at is not None:
            self._paused_s += max(0.0, time.time() - max(self._paused_at, self._started_at))
            self._paused_at = None
        if not self._toggling:
            self._holding = False
        return not self._toggling

    async def _hold_back(self, segment: Segment) -> None:
        seen_s, seen_at = segment.position_s, time.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.time()
            if segment.position_s != seen_s:
                seen_s, seen_at = segment.position_s, now
            heard_s = seen_s + min(now - seen_at, FRESH_S)
            paused_s = self._paused_s + (now - self._paused_at if self._paused_at else 0.0)
            lead_s = now - self._started_at - paused_s - heard_s
            if lead_s > LEAD_S and self._paused_at is None:
                self._hold()
            elif self._holding and lead_s <= 0.0:
                self._release()

    def _hold(self) -> None:
        if self._session.output.audio is not None:
            self._holding = True
            self._toggle(self._session.output.audio.pause)

    def _release(self) -> None:
        if self._holding and self._session.output.audio is not None:
            self._holding = False
            self._toggle(self._session.output.audio.resume)

    def _toggle(self, toggle: Callable[[], None]) -> None:
        self._toggling = True
        try:
            toggle()
        finally:
            self._toggling = False
