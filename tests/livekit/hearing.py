"""What a listener hears, while it arrives."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio.meter import QUIET_RMS, AudioMeter
from avatar_core.testing.flash_renderer import rms_of

LOOK_BACK_S, LOOK_EVERY_S = 0.3, 0.05


class LiveAudioMeter(AudioMeter):
    """An ear that can be waited for.

    Attributes:
        begun: Each word of which some was heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun: set[str] = set()
        self._quiet_s: dict[str, float] = defaultdict(float)
        self._unread_s: dict[str, float] = defaultdict(float)
        self._news = asyncio.Event()

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int, channels: int = 1) -> None:
        """A frame arrived; the signature is the listener's."""
        super().add(track, at_s, pcm, rate_hz, channels)
        duration_s = AudioFormat(rate_hz, channels).duration_s(len(pcm))
        loud = rms_of(pcm) >= QUIET_RMS
        if loud:
            self._quiet_s.clear()
        self._quiet_s[track] += duration_s
        self._unread_s[track] += duration_s
        if loud and self._unread_s[track] >= LOOK_EVERY_S:
            self._unread_s[track] = 0.0
            self.begun |= {word.word for word in self.decode(at_s - LOOK_BACK_S, [track])}
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def word(self, word: str) -> None:
        """Return as soon as some of `word` was heard."""
        while word not in self.begun:
            await self._news.wait()

    async def silence(self, duration_s: float) -> None:
        """Return once some track brought so much audio with no sound in between."""
        while max(self._quiet_s.values(), default=0.0) < duration_s:
            await self._news.wait()
