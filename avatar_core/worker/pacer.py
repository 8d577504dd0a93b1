"""The pacer: sound in frames, pictures ordered by its clock, truth from what left."""

from __future__ import annotations

import asyncio
from collections import deque

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.worker.incoming_take import Speech
from avatar_core.worker.reporter import Reporter
from avatar_core.worker.video_scheduler import Stretch, VideoScheduler

FRAME_S = 0.08
"""Captured at once where there is time to gather it: a capture costs CPU, whatever its length."""
LOW_S = 0.025
"""What the native queue holds when it is filled up. A clear drops it: it costs no latency."""
SOURCE_S = 0.01
"""A native queue keeps what is less than this until more comes: the tail is padded."""
VIDEO_DELAY_S = 0.04
"""Opus and a listener's jitter buffer hold sound back by about this much more than video."""
IDLE_TICK_S = 0.02


class Pacer:
    """The render loop: one speech after another, idle pictures between them.

    Args:
        scheduler: Told what is to be seen, and when.
        audio: Its queue is the clock of everything.
        reporter: Told where each speech is.
        speeches: What to play, in order; others append.
        fed: Set when any speech has more sound, or is complete.
        period_s: Of a picture.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        scheduler: VideoScheduler,
        audio: AudioTrack,
        reporter: Reporter,
        speeches: deque[Speech],
        fed: asyncio.Event,
        period_s: float,
        clock: Clock = loop_time,
    ) -> None:
        self._scheduler = scheduler
        self._audio = audio
        self._reporter = reporter
        self._clock = clock
        self._speeches = speeches
        self._fed = fed
        self._rest = b""
        self._period_s = period_s

    def silence(self, speech: Speech) -> None:
        """Emit nothing more of it than the frame in flight, and note how far it got."""
        if self._speeches and self._speeches[0] is speech:
            self._rest = b""
            speech.played(self._audio.queued_s)
            self._audio.clear()
            self._scheduler.reset()

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            self._fed.clear()
            while self._speeches and self._speeches[0].over():
                self._speeches.popleft()
            speech = self._speeches[0] if self._speeches else None
            self._beat(speech)
            chunk, last = speech.take(self._period_s) if speech else (b"", False)
            if speech is not None and (chunk or last):
                await self._play(speech, chunk, last)
            else:
                if speech is not None:
                    await self._emit(speech)
                    speech.played(self._audio.queued_s)
                self._scheduler.idle()
                tick = asyncio.get_running_loop().call_later(IDLE_TICK_S, self._fed.set)
                await self._fed.wait()
                tick.cancel()

    async def _play(self, speech: Speech, chunk: bytes, last: bool) -> None:
        format = self._audio.format
        ahead_s = self._audio.queued_s + format.duration_s(len(self._rest)) + VIDEO_DELAY_S
        self._scheduler.speak(
            Stretch(chunk, last, speech.ahead(self._scheduler.lookahead_s)),
            self._clock() + ahead_s,
            lambda: speech.state is not TakeState.CUT,
        )
        self._rest += chunk
        await self._emit(speech, last)
        if last and not speech.over():
            await self._drain(speech)

    async def _emit(self, speech: Speech, last: bool = False) -> None:
        """Capture whole frames, and less where nothing else keeps the sound going."""
        size, whole = self._audio.format.size(FRAME_S), self._audio.format.size(SOURCE_S)
        while self._rest:
            taken = min(len(self._rest), size)
            if taken < size and not last:
                taken = taken // whole * whole if self._audio.queued_s < LOW_S else 0
            if not taken:
                return
            frame, self._rest = self._rest[:taken], self._rest[taken:]
            await self._capture(speech, frame.ljust(-(-taken // whole) * whole, b"\0"), taken)
            if speech.over():
                self._rest = b""

    async def _capture(self, speech: Speech, frame: bytes, taken: int) -> None:
        while not speech.over() and (surplus_s := self._audio.queued_s - LOW_S) > 1e-3:
            await asyncio.sleep(min(surplus_s, FRAME_S / 2))
            speech.played(self._audio.queued_s)
            self._beat(speech)
        if speech.over():
            return
        speech.captured_s += self._audio.format.duration_s(taken)
        await self._audio.capture(frame)
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
            self._scheduler.idle()
            await asyncio.sleep(min(rest_s, IDLE_TICK_S))
        if not speech.over():
            speech.position_s = speech.captured_s
            speech.state = TakeState.DONE
            self._reporter.turned(speech)

    def _beat(self, speech: Speech | None) -> None:
        """Give the pulse, unless the face stands still: then another transport is better."""
        if not self._scheduler.hung:
            self._reporter.beat(speech)
