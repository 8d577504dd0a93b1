"""Meters that place received audio and video on a timeline and measure sounds and flashes there."""

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
from avatar_core.testing.audio.tones import HeardWord, decode_tones

RATE_HZ = 48_000
QUIET_RMS = 0.003
"""Root mean square below which audio counts as silent, as a fraction of full scale (-50 dBFS)."""
WINDOW_S = 0.001
PAUSE_S = 0.05
"""A shorter pause counts as part of the sound around it."""
BRIGHT = 128
"""Mean luma (0 to 255) above which a video frame counts as bright."""
ALWAYS = -math.inf
"""A start time that includes the whole recording."""

Span = tuple[float, float]
"""Start and end in seconds."""


class AudioMeter:
    """Places received audio frames on a timeline for each track, and measures sound and silence.

    `Timeline` corrects the arrival times if the receiving process itself has stalled.

    Args:
        quiet_rms: Root mean square, as a fraction of full scale, below which 1 ms of audio counts
            as silent. After a tone, Opus at 24 kbit/s decays below the default value within about
            10 ms, and below 0.02 within 1 ms.
    """

    def __init__(self, quiet_rms: float = QUIET_RMS) -> None:
        self._quiet_rms = quiet_rms
        self._timelines: dict[str, Timeline] = {}

    @property
    def tracks(self) -> list[str]:
        """The names of all tracks that have sent audio, in the order of their first frames."""
        return list(self._timelines)

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int, channels: int = 1) -> None:
        """Add an audio frame that has arrived.

        Args:
            track: The name of the track. The frames of a track must be added in order.
            at_s: The time in seconds, on a clock that all frames share, when the frame arrived. The
                first sample of the frame can be heard from this time on.
            pcm: Interleaved int16 PCM, whole samples.
            rate_hz: The sample rate of the frame in Hz; it may differ from earlier frames.
            channels: The number of channels, which are mixed down to one; it may differ from
                earlier frames.

        Raises:
            AudioError: The sample rate or the number of channels is out of range.
        """
        timeline = self._timelines.setdefault(track, Timeline())
        timeline.add(at_s, pcm, AudioFormat(rate_hz, channels))

    def mix(
        self,
        rate_hz: int = RATE_HZ,
        tracks: Collection[str] | None = None,
        since_s: float = ALWAYS,
    ) -> tuple[float, bytes]:
        """Mix tracks into one recording, clipped at full scale.

        Args:
            rate_hz: The sample rate of the result in Hz.
            tracks: The names of the tracks to mix; None mixes all of them.
            since_s: Leave out the audio before this time, in seconds; the default includes the
                whole recording.

        Returns:
            The time of the first sample in seconds, and mono int16 PCM; `(0.0, b"")` if there is no
            audio.
        """
        start_s, samples = self._sum(rate_hz, tracks, since_s)
        return start_s, np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    def sounds(self, since_s: float = ALWAYS) -> list[Span]:
        """Find the sounds in the mix of all tracks.

        Args:
            since_s: Leave out the audio before this time, in seconds; the default includes the
                whole recording.

        Returns:
            Start and end of each sound in seconds, accurate to about 2 ms. A pause shorter than 50
            ms is part of a sound.
        """
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

    def decode(
        self, since_s: float = ALWAYS, tracks: Collection[str] | None = None
    ) -> list[HeardWord]:
        """Decode the word tones of each track separately, even if the tracks overlap in time.

        Args:
            since_s: Leave out the audio before this time, in seconds; the default includes the
                whole recording.
            tracks: The names of the tracks to decode; None decodes all of them.

        Returns:
            The words in order of time, on the clock of `add`, each with its track.
        """
        found = []
        for track in self.tracks if tracks is None else tracks:
            start_s, pcm = self.mix(RATE_HZ, [track], since_s)
            for word in decode_tones(pcm, RATE_HZ):
                begin_s, end_s = start_s + word.start_s, start_s + word.end_s
                found.append(replace(word, start_s=begin_s, end_s=end_s, track=track))
        return sorted(found, key=lambda word: word.start_s)

    def shares(self, since_s: float = ALWAYS) -> dict[str, float]:
        """Measure how much of each word was heard. A stretched word counts as 1.0.

        Args:
            since_s: Leave out the audio before this time, in seconds; the default includes the
                whole recording.

        Returns:
            The share of each word that was heard: 0.5 for half of the word, 2.0 if it was heard
            twice.
        """
        shares: dict[str, float] = defaultdict(float)
        for word in self.decode(since_s):
            shares[word.word] += min(1.0, word.share)
        return dict(shares)

    def longest_silence(self, after_s: float = ALWAYS) -> float:
        """Return the length of the longest silence between two sounds.

        Args:
            after_s: Leave out the silences that end before this time, in seconds; the default
                includes all silences.

        Returns:
            Seconds; 0.0 if there are fewer than two sounds.
        """
        pauses = [
            begin_s - end_s
            for (_, end_s), (begin_s, _) in pairwise(self.sounds())
            if begin_s > after_s
        ]
        return max(pauses, default=0.0)

    def silence_around(self, at_s: float) -> float:
        """Measure the silence at a time, or the next silence if there is a sound at that time.

        A silence lasts from one sound to the next. Before the first sound, the silence starts with
        the recording. After the last sound, the silence ends with the recording. If `at_s` lies
        outside of the recording, the silence extends to `at_s`.

        Args:
            at_s: The time in seconds, on the clock of `add`.

        Returns:
            The length of the silence in seconds; 0.0 if no audio has arrived.
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
        begin_s = before[-1] if before else min(at_s, *(line.start_s for line in timelines))
        end_s = after[0] if after else max(at_s, *(line.end_s for line in timelines))
        return end_s - begin_s

    def last_sound_before(self, at_s: float) -> float | None:
        """Return the last moment with sound that is not after a time.

        Args:
            at_s: The time in seconds, on the clock of `add`.

        Returns:
            The moment in seconds; None if there is no sound before `at_s`.
        """
        ends = [min(end_s, at_s) for start_s, end_s in self.sounds() if start_s < at_s]
        return ends[-1] if ends else None

    def first_sound_after(self, at_s: float) -> float | None:
        """Return the first moment with sound that is not before a time.

        Args:
            at_s: The time in seconds, on the clock of `add`.

        Returns:
            The moment in seconds; None if there is no sound after `at_s`.
        """
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
        placed = [(round((at_s - start_s) * rate_hz), samples) for at_s, samples in pieces]
        total = np.zeros(max(at + samples.size for at, samples in placed), np.float32)
        for at, samples in placed:
            total[at : at + samples.size] += samples
        return start_s, total


class LightMeter:
    """Places received video frames on a timeline, and finds the flashes there."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, bool]] = []
        self._delay_s = math.inf

    def add(self, at_s: float, brightness: float, stamp_s: float | None = None) -> None:
        """Add a video frame that has arrived.

        Args:
            at_s: The time of arrival in seconds, on the clock of the `AudioMeter`.
            brightness: The mean luma of the frame, from `brightness_of`.
            stamp_s: The receiver's presentation time of the frame, in seconds on any clock of the
                same speed. This time is more accurate than `at_s`, because a stall of the calling
                process delays only `at_s`. Pass `stamp_s` for every frame or for none.
        """
        stamp_s = at_s if stamp_s is None else stamp_s
        self._delay_s = min(self._delay_s, at_s - stamp_s)
        self._frames.append((stamp_s, brightness > BRIGHT))

    def flashes(self, since_s: float = ALWAYS) -> list[Span]:
        """Find the flashes: the periods in which the frames are bright.

        Args:
            since_s: Leave out the flashes that start before this time, in seconds; the default
                includes all flashes.

        Returns:
            Start and end of each flash in seconds, on the clock of `at_s`: from the first bright
            frame to the next dark frame, or to the last frame of all.
        """
        flashes: list[Span] = []
        lit = False
        for stamp_s, bright in self._frames:
            at_s = stamp_s + self._delay_s
            if lit:
                flashes[-1] = flashes[-1][0], at_s
            elif bright:
                flashes.append((at_s, at_s))
            lit = bright
        return [flash for flash in flashes if flash[0] >= since_s]


def brightness_of(frame: VideoFrame | npt.NDArray[np.uint8]) -> float:
    """Return the mean luma of a video frame.

    Args:
        frame: An RGBA frame, or its luma plane alone (uint8 array of any shape).

    Returns:
        The mean luma, 0 to 255.
    """
    if isinstance(frame, VideoFrame):
        rgba = np.frombuffer(frame.rgba, np.uint8).reshape(-1, 4)
        return float(rgba[:, :3].mean(axis=0) @ (0.299, 0.587, 0.114))
    return float(frame.mean())
