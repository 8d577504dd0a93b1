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
FRAME_S = 0.01
LOOK_BACK_S, LOOK_EVERY_S = 0.3, 0.05
GAP_S = 0.03
"""A frame that is due so much earlier follows a gap."""


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
        begun: Each word that was heard, and when it was first decoded (loop time).
        arrived_s: How much audio arrived of each track since the last loud frame.
    """

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.arrived_s: dict[str, float] = defaultdict(float)
        self._tracks: dict[str, _Recording] = defaultdict(_Recording)
        self._news = asyncio.Event()

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        """A frame arrived; the signature is the listener's."""
        assert rate_hz == RATE_HZ
        recording = self._tracks[track]
        recording.add(at_s, pcm)
        if _loud(pcm):
            self.arrived_s.clear()
        self.arrived_s[track] += _duration_s(pcm)
        if recording.unread_s >= LOOK_EVERY_S:
            recent = recording.recent()
            if _loud(recent):
                for heard in WordTones.hear(recent, RATE_HZ):
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

    def ear(self) -> Ear:
        """Everything heard so far, on the loop's clock."""
        ear = Ear(late_s=GAP_S)
        for track, recording in self._tracks.items():
            for at_s, pcm in recording.laid():
                ear.add(track, at_s, pcm, RATE_HZ)
        return ear

    def words(self) -> list[Heard]:
        """Every word heard so far, in order of time."""
        found: list[Heard] = []
        ear = self.ear()
        for track in ear.tracks:
            start_s, pcm = ear.mix(RATE_HZ, [track])
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


class _Recording:
    """Frames of one track, and when each arrived.

    A busy process takes frames late and then many at once. A frame was there to be heard at
    the latest when any later one shows it: the least delay of those that follow is its own.
    """

    def __init__(self) -> None:
        self._frames: list[tuple[float, float, bytes]] = []
        self._length_s = 0.0
        self.unread_s = 0.0

    def add(self, at_s: float, pcm: bytes) -> None:
        self._frames.append((at_s, self._length_s, pcm))
        self._length_s += _duration_s(pcm)
        self.unread_s += _duration_s(pcm)

    def recent(self) -> bytes:
        """The last of it, once."""
        self.unread_s = 0.0
        return b"".join(pcm for _, _, pcm in self._frames[-round(LOOK_BACK_S / FRAME_S) :])

    def laid(self) -> list[tuple[float, bytes]]:
        """Frames with the times at which they could be heard."""
        delay_s = float("inf")
        laid: list[tuple[float, bytes]] = []
        for at_s, position_s, pcm in reversed(self._frames):
            delay_s = min(delay_s, at_s - position_s)
            laid.append((position_s + delay_s, pcm))
        return laid[::-1]


def total_shares(words: Iterable[Heard]) -> dict[str, float]:
    """How much of each word sounded, all occurrences summed; a stretched one counts once."""
    total: dict[str, float] = defaultdict(float)
    for heard in words:
        total[heard.word] += min(1.0, heard.share)
    return dict(total)


def _duration_s(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE_HZ


def _loud(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return bool(samples.size) and float(np.sqrt(np.mean(samples**2))) >= QUIET_RMS * 32768
