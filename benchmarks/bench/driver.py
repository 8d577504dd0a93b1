"""The speaking end: pushes sound into an AudioOutput as a TTS does, and notes what it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice import io

from avatar_core.contracts.clock import loop_time
from benchmarks.bench.stimulus import RATE_HZ

FRAME_S = 0.02
TTS_SPEED = 5.0
"""So many times faster than real time a TTS hands its speech out."""


@dataclass(frozen=True, slots=True)
class Told:
    """The agent was told of an end.

    Attributes:
        at: Loop time.
        position_s: How much was heard, it was told.
    """

    at: float
    position_s: float


class Speaker:
    """Speaks through an output, one utterance at a time.

    Attributes:
        pushed_at: Loop time of the first push of the latest utterance.
    """

    def __init__(self, output: io.AudioOutput) -> None:
        self._output = output
        self._told: asyncio.Queue[Told] = asyncio.Queue()
        self._pushing: asyncio.Task[None] | None = None
        self.pushed_at = 0.0
        output.on("playback_finished", self._finished)

    def say(self, pcm: bytes, *, frame_s: float = FRAME_S, speed: float = TTS_SPEED) -> None:
        """Begin; what an earlier utterance left untold is forgotten."""
        while not self._told.empty():
            self._told.get_nowait()
        self.pushed_at = loop_time()
        self._pushing = asyncio.create_task(self._push(pcm, frame_s, speed))

    async def clear(self) -> float:
        """Interrupt; returns when."""
        at = loop_time()
        self._output.clear_buffer()
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.gather(self._pushing, return_exceptions=True)
            self._output.flush()
        return at

    async def told(self, within_s: float) -> Told | None:
        """The end of the utterance; None if nobody told of it in that time."""
        try:
            async with asyncio.timeout(within_s):
                return await self._told.get()
        except TimeoutError:
            return None

    async def _push(self, pcm: bytes, frame_s: float, speed: float) -> None:
        size = 2 * round(frame_s * RATE_HZ)
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            await self._output.capture_frame(rtc.AudioFrame(piece, RATE_HZ, 1, len(piece) // 2))
            ahead_s = start / 2 / RATE_HZ / speed - (loop_time() - self.pushed_at)
            await asyncio.sleep(max(0.0, ahead_s))
        self._output.flush()
        self._pushing = None

    def _finished(self, event: io.PlaybackFinishedEvent) -> None:
        self._told.put_nowait(Told(loop_time(), event.playback_position))
