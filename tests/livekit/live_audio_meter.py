"""An audio meter for tests that react to what a listener hears while it arrives."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio.meter import QUIET_RMS, AudioMeter
from avatar_core.testing.flash_renderer import rms_of

DECODED_S, DECODE_EVERY_S = 0.3, 0.05


class LiveAudioMeter(AudioMeter):
    """An audio meter whose methods wait for words and silence.

    Attributes:
        partly_heard: The words of which at least a part was heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.partly_heard: set[str] = set()
        self._quiet_s: dict[str, float] = defaultdict(float)
        self._undecoded_s: dict[str, float] = defaultdict(float)
        self._updated = asyncio.Event()

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int, channels: int = 1) -> None:
        """Add an audio frame that has arrived, and wake the waiting methods."""
        super().add(track, at_s, pcm, rate_hz, channels)
        duration_s = AudioFormat(rate_hz, channels).duration_s(len(pcm))
        loud = rms_of(pcm) >= QUIET_RMS
        if loud:
            self._quiet_s.clear()
        self._quiet_s[track] += duration_s
        self._undecoded_s[track] += duration_s
        if loud and self._undecoded_s[track] >= DECODE_EVERY_S:
            self._undecoded_s[track] = 0.0
            self.partly_heard |= {word.word for word in self.decode(at_s - DECODED_S, [track])}
        updated, self._updated = self._updated, asyncio.Event()
        updated.set()

    def restart(self) -> None:
        """Forget all audio, at a time at which the listener hears silence.

        A test may then use every word once more.
        """
        self._timelines.clear()
        self.partly_heard.clear()

    async def wait_for_sound(self) -> None:
        """Return as soon as a track carries sound."""
        while not self.sounds():
            await self._updated.wait()

    async def wait_for_word(self, word: str) -> None:
        """Return as soon as a part of the word was heard."""
        while word not in self.partly_heard:
            await self._updated.wait()

    async def wait_for_silence(self, duration_s: float) -> None:
        """Return once a track has sent silence for `duration_s` and no track has sent sound."""
        while max(self._quiet_s.values(), default=0.0) < duration_s:
            await self._updated.wait()
