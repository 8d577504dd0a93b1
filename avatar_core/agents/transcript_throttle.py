"""The transcript throttle: holds the transcript back to the audio that was heard.

AgentSession's synchronizer paces text by the wall clock since playback started, and reads no
position (livekit-agents 1.8.9, `voice/transcription/synchronizer.py`). When that clock is ahead of
the audio that was heard, the throttle pauses the output chain from its first element. The text then
waits, and the audio tail ignores the call. After an interruption the history contains no word that
was not heard; at most the last word is missing.
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
"""Positions come six times a second; until the next one speech is taken to go on."""


class TranscriptThrottle:
    """Holds the transcript back to the listener's position, one segment at a time.

    Args:
        session: The agent session whose output chain is paused and resumed.
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
        """Start to compare the clock of the synchronizer with the position of a segment.

        Args:
            segment: The segment that started to play.
            created_at: Start of the synchronizer's clock for the segment, in Unix seconds.
        """
        self._started_at = created_at
        self._paused_s = 0.0
        if self._paused_at is not None:
            self._paused_at = max(self._paused_at, created_at)
        self._task = asyncio.create_task(self._hold_back(segment), name="transcript-throttle")

    def finished(self) -> None:
        """Stop the comparison, and resume the transcript before the segment finishes."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._release()

    def heard_pause(self) -> bool:
        """Note that the output chain was paused.

        Returns:
            True if another object than this throttle paused it, so that the sound must stop too.
        """
        if self._paused_at is None:
            self._paused_at = time.time()
        if not self._toggling:
            self._holding = False
        return not self._toggling

    def heard_resume(self) -> bool:
        """Note that the output chain was resumed.

        Returns:
            True if another object than this throttle resumed it, so that the sound must continue.
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
