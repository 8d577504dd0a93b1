"""What a listener measures: when it heard sound, words and silence, and when it saw light."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.audio.timeline import Floats, Timeline
from avatar_core.testing.audio.tones import HeardWord, hear

RATE_HZ = 48_000
QUIET_RMS = 0.003  # of full scale, -50 dBFS
WINDOW_S = 0.001
PAUSE_S = 0.05  # a shorter pause is part of a sound
BRIGHT = 128  # of 255
ALWAYS = -math.inf

Span = tuple[float, float]
"""Start and end, seconds."""


class AudioMeter:
    """Lays what arrives on one timeline, and measures sound and silence there.

    A stall of the listener itself leaves no trace as soon as it has caught up, see `Timeline`.

    Args:
        quiet_rms: Root mean square, of full scale, under which 1 ms counts as silent. Opus at
            24 kbit/s trails a tone by some 10 ms at the default, and by 1 ms at 0.02.
    """

    def __init__(self, quiet_rms: float = QUIET_RMS) -> None:
        self._quiet_rms = quiet_rms
        self._timelines: dict[str, Timeline] = {}

    @property
    def tracks(self) -> list[str]:
        """Every track heard of, in order of its first frame."""
        return list(self._timelines)

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int, channels: int = 1) -> None:
        """A frame of interleaved int16 PCM arrived.

        Args:
            track: Any name; frames of one track arrive in order.
            at_s: When it arrived, which is when its first sample could be heard, on any one clock.
            pcm: Whole samples.
            rate_hz: Of the frame; may change between frames, as may `channels`.
            channels: Mixed down to one.
        """
        timeline = self._timelines.setdefault(track, Timeline())
        timeline.add(at_s, pcm, AudioFormat(rate_hz, channels))

    def mix(
        self,
        rate_hz: int = RATE_HZ,
        tracks: Collection[str] | None = None,
        since_s: float = ALWAYS,
    ) -> tuple[float, bytes]:
        """The sum of the tracks, clipped at full scale.

        Args:
            rate_hz: Of the result.
            tracks: Which tracks; all of them where not given.
            since_s: What was heard before is left out.

        Returns:
            The time of its first sample, and mono int16 PCM; `(0.0, b"")` where nothing came.
        """
        start_s, samples = self._sum(rate_hz, tracks, since_s)
        return start_s, np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    def sounds(self, since_s: float = ALWAYS) -> list[Span]:
        """What is loud in the mix; pauses under 50 ms belong to it. Edges are good to 1 ms or 2."""
        start_s, samples = self._sum(RATE_HZ, None, since_s)
        window = round(WINDOW_S * RATE_HZ)
        windows = np.pad(samples, (0, -samples.size % window)).reshape(-1, window)
        loud = np.sqrt(np.mean(windows**2, axis=1)) >= self._quiet_rms
        edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)).reshape(-1, 2)
        sounds: list[Span] = []
        for begin_s, end_s in (start_s + edges * WINDOW_S).tolist():
            joins = bool(sounds) and begin_s - sounds[-1][1] < PAUSE_S
            sounds.append((sounds.pop()[0] if joins else begin_s, end_s))
        return sounds

    def words(
        self, since_s: float = ALWAYS, tracks: Collection[str] | None = None
    ) -> list[HeardWord]:
        """Every word tone in order of time, which is the ear's.

        Each track is decoded by itself: two that overlap, as after a kill, decode badly mixed.
        """
        found = []
        for track in self.tracks if tracks is None else tracks:
            start_s, pcm = self.mix(RATE_HZ, [track], since_s)
            for word in hear(pcm, RATE_HZ):
                begin_s, end_s = start_s + word.start_s, start_s + word.end_s
                found.append(replace(word, start_s=begin_s, end_s=end_s, track=track))
        return sorted(found, key=lambda word: word.start_s)

    def shares(self, since_s: float = ALWAYS) -> dict[str, float]:
        """How much of each word was heard in all: 1.0 once, 2.0 twice; stretched is once."""
        shares: dict[str, float] = defaultdict(float)
        for word in self.words(since_s):
            shares[word.word] += min(1.0, word.share)
        return dict(shares)

    def longest_silence(self, after_s: float = ALWAYS) -> float:
        """Seconds between two sounds, of which the later one begins after that time."""
        pauses = [
            begin_s - end_s
            for (_, end_s), (begin_s, _) in pairwise(self.sounds())
            if begin_s > after_s
        ]
        return max(pauses, default=0.0)

    def silence_around(self, at_s: float) -> float:
        """Length, seconds, of the silence at that time, or else of the next one after it.

        A silence lasts from sound to sound; before the first and after the last sound, from
        where the recording begins and to where it ends, or to `at_s` if that is outside it.
        """
        timelines = [timeline for timeline in self._timelines.values() if timeline]
        if not timelines:
            return 0.0
        sounds = self.sounds()
        for sound_start_s, sound_end_s in sounds:
            if sound_start_s <= at_s < sound_end_s:
                at_s = sound_end_s
        before = [end_s for _, end_s in sounds if end_s <= at_s]
        after = [begin_s for begin_s, _ in sounds if begin_s > at_s]
        begin_s = before[-1] if before else min(at_s, *(heard.start_s for heard in timelines))
        end_s = after[0] if after else max(at_s, *(heard.end_s for heard in timelines))
        return end_s - begin_s

    def last_sound_before(self, at_s: float) -> float | None:
        """The last moment at or before `at_s` that was loud, None where there is none."""
        ends = [min(end_s, at_s) for start_s, end_s in self.sounds() if start_s < at_s]
        return ends[-1] if ends else None

    def first_sound_after(self, at_s: float) -> float | None:
        """The first moment at or after `at_s` that was loud, None where there is none."""
        sounds = self.sounds(at_s)
        return max(at_s, sounds[0][0]) if sounds else None

    def _sum(
        self, rate_hz: int, tracks: Collection[str] | None, since_s: float
    ) -> tuple[float, Floats]:
        pieces = [
            piece
            for track, timeline in self._timelines.items()
            if tracks is None or track in tracks
            for piece in timeline.mono(rate_hz, since_s)
            if piece[1].size
        ]
        if not pieces:
            return 0.0, np.zeros(0, np.float32)
        start_s = min(at_s for at_s, _ in pieces)
        laid = [(round((at_s - start_s) * rate_hz), samples) for at_s, samples in pieces]
        total = np.zeros(max(at + samples.size for at, samples in laid), np.float32)
        for at, samples in laid:
            total[at : at + samples.size] += samples
        return start_s, total


class Eye:
    """Lays pictures on a timeline, and tells when there was light."""

    def __init__(self) -> None:
        self._pictures: list[tuple[float, bool]] = []
        self._delay_s = math.inf

    def add(self, at_s: float, brightness: float, stamp_s: float | None = None) -> None:
        """A picture arrived.

        Args:
            at_s: When, on the ear's clock.
            brightness: See `brightness_of`.
            stamp_s: When it was to be shown by whoever received it, on a clock that runs as
                fast: with every picture or with none. A stall of the system moves it, and one
                of the listener, which shows in `at_s`, does not.
        """
        stamp_s = at_s if stamp_s is None else stamp_s
        self._delay_s = min(self._delay_s, at_s - stamp_s)
        self._pictures.append((stamp_s, brightness > BRIGHT))

    def flashes(self, since_s: float = ALWAYS) -> list[Span]:
        """From the first bright picture to the next dark one, or to the last there is."""
        flashes: list[Span] = []
        lit = False
        for stamp_s, bright in self._pictures:
            at_s = stamp_s + self._delay_s
            if lit:
                flashes[-1] = flashes[-1][0], at_s
            elif bright:
                flashes.append((at_s, at_s))
            lit = bright
        return [flash for flash in flashes if flash[0] >= since_s]


def brightness_of(picture: VideoFrame | npt.NDArray[np.uint8]) -> float:
    """Mean luma of a picture, 0 to 255.

    Args:
        picture: RGBA, or the luma plane alone (any shape).
    """
    if isinstance(picture, VideoFrame):
        rgba = np.frombuffer(picture.rgba, np.uint8).reshape(-1, 4)
        return float(rgba[:, :3].mean(axis=0) @ (0.299, 0.587, 0.114))
    return float(picture.mean())
