"""Pushes speech into an AudioOutput as a TTS does, and records the playback events."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice import io

from avatar_core.contracts.clock import loop_time
from benchmarks.bench.stimulus import RATE_HZ

FRAME_S = 0.02
TTS_SPEED = 5.0
"""A TTS delivers speech this many times faster than it plays."""


@dataclass(frozen=True, slots=True)
class PlaybackEnd:
    """A `playback_finished` event.

    Attributes:
        at: Loop time of the event in seconds.
        position_s: The reported position: seconds of the speech that were heard.
    """

    at: float
    position_s: float


class SpeechDriver:
    """Plays one speech at a time through an audio output.

    Args:
        output: The audio output of an agent.

    Attributes:
        pushed_at: Loop time in seconds of the first push of the latest speech.
    """

    def __init__(self, output: io.AudioOutput) -> None:
        self._output = output
        self._ends: asyncio.Queue[PlaybackEnd] = asyncio.Queue()
        self._pushing: asyncio.Task[None] | None = None
        self.pushed_at = 0.0
        output.on("playback_finished", self._add_end)

    def say(self, pcm: bytes, *, frame_s: float = FRAME_S, speed: float = TTS_SPEED) -> None:
        """Start to push a speech, and forget playback events of earlier speeches.

        Args:
            pcm: Mono int16 PCM at `RATE_HZ`.
            frame_s: Length of the pushed frames in seconds.
            speed: Speed of the pushes relative to playback.
        """
        while not self._ends.empty():
            self._ends.get_nowait()
        self.pushed_at = loop_time()
        self._pushing = asyncio.create_task(self._push(pcm, frame_s, speed))

    async def interrupt(self) -> float:
        """Interrupt the speech.

        Returns:
            The loop time of the interruption in seconds.
        """
        at = loop_time()
        self._output.clear_buffer()
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.gather(self._pushing, return_exceptions=True)
            self._output.flush()
        return at

    async def wait_for_end(self, timeout_s: float) -> PlaybackEnd | None:
        """Wait for the end of the speech.

        Args:
            timeout_s: Seconds to wait.

        Returns:
            The `playback_finished` event; None if it did not arrive within `timeout_s` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ends.get()
        except TimeoutError:
            return None

    async def _push(self, pcm: bytes, frame_s: float, speed: float) -> None:
        size = 2 * round(frame_s * RATE_HZ)
        for start in range(0, len(pcm), size):
            part = pcm[start : start + size]
            await self._output.capture_frame(rtc.AudioFrame(part, RATE_HZ, 1, len(part) // 2))
            ahead_s = start / 2 / RATE_HZ / speed - (loop_time() - self.pushed_at)
            await asyncio.sleep(max(0.0, ahead_s))
        self._output.flush()
        self._pushing = None

    def _add_end(self, event: io.PlaybackFinishedEvent) -> None:
        self._ends.put_nowait(PlaybackEnd(loop_time(), event.playback_position))
