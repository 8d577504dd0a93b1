"""What a listener hears, word by word, while it arrives."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from avatar_core.sim.meter import QUIET_RMS, Ear
from avatar_core.sim.tones import WordTones

RATE_HZ = 48_000
LOOK_BACK_S, LOOK_EVERY_S = 0.6, 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """One occurrence of a word: when (loop time), how much of it, and on which track."""

    word: str
    start_s: float
    end_s: float
    share: float
    track: str


class Hearing:
    """An ear that tells words as they come. Each track is decoded by itself: two that
    overlap, as after a kill, decode badly when mixed.

    Attributes:
        ear: All sound so far, on the loop's clock.
        begun: Each word that was heard, and when it was first decoded (loop time).
        sounded_at: When the last loud frame arrived (loop time).
        arrived_s: How much audio arrived of each track since the last loud frame.
    """

    def __init__(self) -> None:
        self.ear = Ear()
        self.begun: dict[str, float] = {}
        self.sounded_at = 0.0
        self.arrived_s: dict[str, float] = defaultdict(float)
        self._recent: dict[str, bytearray] = defaultdict(bytearray)
        self._unread: dict[str, int] = defaultdict(int)
        self._news = asyncio.Event()

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        """A frame arrived; the signature is the listener's."""
        self.ear.add(track, at_s, pcm, rate_hz)
        recent = self._recent[track]
        recent += pcm
        del recent[: max(0, len(recent) - 2 * round(LOOK_BACK_S * rate_hz))]
        if _loud(pcm):
            self.sounded_at = at_s
            self.arrived_s.clear()
        self.arrived_s[track] += len(pcm) / 2 / rate_hz
        self._unread[track] += len(pcm)
        if self._unread[track] >= 2 * round(LOOK_EVERY_S * rate_hz):
            self._unread[track] = 0
            if _loud(bytes(recent)):
                for heard in WordTones.hear(bytes(recent), rate_hz):
                    self.begun.setdefault(heard.word, at_s)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def word(self, word: str) -> None:
        """Return as soon as some of `word` was heard."""
        while word not in self.begun:
            await self._news.wait()

    async def silence(self, duration_s: float) -> None:
        """Return once some track brought so much audio with no sound in between."""
        while max(self.arrived_s.values(), default=0.0) < duration_s:
            await self._news.wait()

    def words(self) -> list[Heard]:
        """Everything heard so far, in order of time."""
        found: list[Heard] = []
        for track in self.ear.tracks:
            start_s, pcm = self.ear.mix(RATE_HZ, [track])
            found += [
                Heard(
                    heard.word,
                    float(start_s + heard.start_s),
                    float(start_s + heard.end_s),
                    float(heard.share),
                    track,
                )
                for heard in WordTones.hear(pcm, RATE_HZ)
            ]
        return sorted(found, key=lambda heard: heard.start_s)

    def shares(self) -> dict[str, float]:
        """How much of each word was heard in all: 1.0 once, 2.0 twice."""
        return total_shares(self.words())


def total_shares(words: Iterable[Heard]) -> dict[str, float]:
    """The shares of all occurrences of each word, summed."""
    total: dict[str, float] = defaultdict(float)
    for heard in words:
        total[heard.word] += heard.share
    return dict(total)


def _loud(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return bool(samples.size) and float(np.sqrt(np.mean(samples**2))) >= QUIET_RMS * 32768
