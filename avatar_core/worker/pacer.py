"""The pacer: sound in 10 ms frames, pictures by the sound's clock, truth from what left."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeVarTuple

from avatar_core.contracts.clock import PLAYOUT_TAIL_S, Clock, loop_time
from avatar_core.contracts.link import AudioOut, VideoOut
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.renderer import Picture, Renderer
from avatar_core.worker.reporter import Reporter
from avatar_core.worker.speech import Speech

log = logging.getLogger("avatar_core.worker")

FRAME_S = 0.01
QUEUED_S = 0.035
"""Sound kept in the native queue: 30 to 40 ms."""
VIDEO_DELAY_S = 0.02
"""Opus and a listener's jitter buffer hold sound back by about this much more than video."""
IDLE_TICK_S = 0.01

A = TypeVarTuple("A")


class Pacer:
    """The render loop: one speech after another, idle pictures between them.

    Args:
        renderer: Draws.
        audio: Its queue is the clock of everything.
        video: Shows pictures by that clock.
        reporter: Told where each speech is.
        speeches: What to play, in order; others append.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        renderer: Renderer,
        audio: AudioOut,
        video: VideoOut,
        reporter: Reporter,
        speeches: deque[Speech],
        clock: Clock = loop_time,
    ) -> None:
        self._renderer = renderer
        self._audio = audio
        self._video = video
        self._reporter = reporter
        self._clock = clock
        self._speeches = speeches
        self._next_idle = 0.0
        self._period_s = 1 / renderer.fps

    def silence(self, speech: Speech) -> None:
        """Emit nothing more of it than the frame in flight, and note how far it got."""
        if self._speeches and self._speeches[0] is speech:
            speech.played(self._audio.queued_s)
            self._audio.clear()
            self._contained(self._renderer.reset)

    async def run(self) -> None:
        """Play until cancelled. A renderer's error costs a picture, never the loop."""
        while True:
            while self._speeches and self._speeches[0].over():
                self._speeches.popleft()
            speech = self._speeches[0] if self._speeches else None
            self._reporter.beat(speech)
            chunk, last = speech.take(self._period_s) if speech else (b"", False)
            if speech is not None and (chunk or last):
                await self._play(speech, chunk, last)
            else:
                if speech is not None:
                    speech.played(self._audio.queued_s)
                self._idle()
                await asyncio.sleep(IDLE_TICK_S)

    async def _play(self, speech: Speech, chunk: bytes, last: bool) -> None:
        self._contained(self._draw, speech, chunk, last)
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
        self._reporter.beat(speech)

    async def _drain(self, speech: Speech) -> None:
        """Wait until the last sound was heard, then say so."""
        until = self._clock() + self._audio.queued_s + PLAYOUT_TAIL_S
        while not speech.over() and (rest_s := until - self._clock()) > 0:
            speech.played(self._audio.queued_s)
            self._reporter.beat(speech)
            self._idle()
            await asyncio.sleep(min(rest_s, IDLE_TICK_S))
        if not speech.over():
            speech.position_s = speech.captured_s
            speech.state = TakeState.DONE
            self._reporter.turned(speech)

    # Pictures. A renderer's defect costs what was asked of it, never the sound.

    def _contained(self, ask: Callable[[*A], None], *of: *A) -> None:
        try:
            ask(*of)
        except Exception:
            log.exception("The renderer failed; a picture is missing.")

    def _draw(self, speech: Speech, chunk: bytes, last: bool) -> None:
        """Show the chunk's one picture when its sound is heard."""
        for picture in islice(self._renderer.render(chunk, last), 1):
            delay_s = self._audio.queued_s + VIDEO_DELAY_S
            loop = asyncio.get_running_loop()
            loop.call_later(delay_s, self._contained, self._show_of, speech, picture)
            self._next_idle = self._clock() + delay_s + self._period_s

    def _idle(self) -> None:
        now = self._clock()
        if now >= self._next_idle:
            self._next_idle = max(self._next_idle + self._period_s, now)
            self._contained(self._show_idle)

    def _show_of(self, speech: Speech, picture: Picture) -> None:
        if speech.state is not TakeState.CUT:
            self._show(picture)

    def _show_idle(self) -> None:
        self._show(self._renderer.idle())

    def _show(self, picture: Picture) -> None:
        if len(picture.rgba) == picture.width * picture.height * 4:
            self._video.capture(picture)
        else:
            log.warning("A picture of %d bytes was dropped.", len(picture.rgba))
