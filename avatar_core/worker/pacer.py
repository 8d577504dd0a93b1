"""The pacer: sound in 20 ms frames, pictures ordered by its clock, truth from what left."""

from __future__ import annotations

import asyncio
from collections import deque

from avatar_core.contracts.clock import PLAYOUT_TAIL_S, Clock, loop_time
from avatar_core.contracts.link import AudioOut
from avatar_core.contracts.playback import TakeState
from avatar_core.worker.reporter import Reporter
from avatar_core.worker.speech import Speech
from avatar_core.worker.studio import Studio

FRAME_S = 0.02
"""Of an Opus packet: shorter ones cost a fifth of the worker's CPU and are heard no sooner."""
QUEUED_S = 0.045
"""Sound kept in the native queue: 25 to 45 ms."""
VIDEO_DELAY_S = 0.02
"""Opus and a listener's jitter buffer hold sound back by about this much more than video."""
IDLE_TICK_S = 0.01


class Pacer:
    """The render loop: one speech after another, idle pictures between them.

    Args:
        studio: Told what is to be seen, and when.
        audio: Its queue is the clock of everything.
        reporter: Told where each speech is.
        speeches: What to play, in order; others append.
        period_s: Of a picture.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        studio: Studio,
        audio: AudioOut,
        reporter: Reporter,
        speeches: deque[Speech],
        period_s: float,
        clock: Clock = loop_time,
    ) -> None:
        self._studio = studio
        self._audio = audio
        self._reporter = reporter
        self._clock = clock
        self._speeches = speeches
        self._period_s = period_s

    def silence(self, speech: Speech) -> None:
        """Emit nothing more of it than the frame in flight, and note how far it got."""
        if self._speeches and self._speeches[0] is speech:
            speech.played(self._audio.queued_s)
            self._audio.clear()
            self._studio.reset()

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            while self._speeches and self._speeches[0].over():
                self._speeches.popleft()
            speech = self._speeches[0] if self._speeches else None
            self._beat(speech)
            chunk, last = speech.take(self._period_s) if speech else (b"", False)
            if speech is not None and (chunk or last):
                await self._play(speech, chunk, last)
            else:
                if speech is not None:
                    speech.played(self._audio.queued_s)
                self._studio.idle()
                await asyncio.sleep(IDLE_TICK_S)

    async def _play(self, speech: Speech, chunk: bytes, last: bool) -> None:
        due = self._clock() + self._audio.queued_s + VIDEO_DELAY_S
        self._studio.speak(chunk, last, due, lambda: speech.state is not TakeState.CUT)
        size = self._audio.format.size(FRAME_S)
        for start in range(0, len(chunk), size):
            await self._capture(speech, chunk[start : start + size])
            if speech.over():
                return
        if last:
            await self._drain(speech)

    async def _capture(self, speech: Speech, frame: bytes) -> None:
        surplus_s = self._audio.queued_s + FRAME_S - QUEUED_S
        if surplus_s > 0:
            await asyncio.sleep(surplus_s)
        if speech.over():
            return
        speech.captured_s += self._audio.format.duration_s(len(frame))
        padded = frame.ljust(self._audio.format.size(FRAME_S), b"\0")
        await self._audio.capture(padded)
        if speech.over():
            self._audio.clear()  # the cut came while this frame was on its way in
            return
        if speech.state is TakeState.OPEN:
            speech.state = TakeState.PLAYING
            self._reporter.turned(speech)
        speech.played(self._audio.queued_s)
        self._beat(speech)

    async def _drain(self, speech: Speech) -> None:
        """Wait until the last sound was heard, then say so."""
        until = self._clock() + self._audio.queued_s + PLAYOUT_TAIL_S
        while not speech.over() and (rest_s := until - self._clock()) > 0:
            speech.played(self._audio.queued_s)
            self._beat(speech)
            self._studio.idle()
            await asyncio.sleep(min(rest_s, IDLE_TICK_S))
        if not speech.over():
            speech.position_s = speech.captured_s
            speech.state = TakeState.DONE
            self._reporter.turned(speech)

    def _beat(self, speech: Speech | None) -> None:
        """Give the pulse, unless the face stands still: then another road is better."""
        if not self._studio.hung:
            self._reporter.beat(speech)
