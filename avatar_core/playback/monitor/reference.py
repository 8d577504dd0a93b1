"""The sound of one take as the player pushed it, which the monitor expects to hear."""

from __future__ import annotations

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.listening import LISTENING_FORMAT
from avatar_core.playback.monitor.features import (
    BANDS,
    FLOOR_DB,
    HOP_S,
    FeatureStream,
    Floats,
    loudness,
)
from avatar_core.resample import Resampler

STRONG_DB = 10.0
"""A frame is strong if its level is at most this many dB below the loudest one near it. A listener
hears strong frames on any line, in any codec."""
NEAR_FRAMES = 100
"""The number of frames before and after a frame that are near it."""
AUDIBLE_DB = -45.0
"""Frames below this level, in dB relative to full scale, are never strong."""


class Reference:
    """The features of the audio that the player has pushed for one take.

    Args:
        format: The format of the pushed audio.

    Attributes:
        frames: The number of complete frames so far.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._resampler = Resampler(format, LISTENING_FORMAT)
        self._stream = FeatureStream()
        self._features = np.empty((256, BANDS), np.float32)
        self._levels = np.empty(256, np.float32)
        self._loudest = np.full(256 + NEAR_FRAMES, FLOOR_DB, np.float32)
        self._pushed_at = np.empty(256, np.float64)
        self.frames = 0

    def push(self, pcm: bytes, now_s: float, *, last: bool = False) -> None:
        """Add audio that the player pushes now.

        Args:
            pcm: Whole samples in the format of the take.
            now_s: The time of the push.
            last: Whether the take ends with this audio.
        """
        features = self._stream.feed(self._resampler.feed(pcm, last))
        if last and self.frames + len(features) == 0:  # the take is shorter than a frame
            features = self._stream.feed(bytes(LISTENING_FORMAT.size(HOP_S)))
        end = self.frames + len(features)
        while end > len(self._levels):
            self._features = np.concatenate((self._features, np.empty_like(self._features)))
            self._levels = np.concatenate((self._levels, np.empty_like(self._levels)))
            self._pushed_at = np.concatenate((self._pushed_at, np.empty_like(self._pushed_at)))
            later = np.full(len(self._levels) // 2, FLOOR_DB, np.float32)
            self._loudest = np.concatenate((self._loudest, later))
        self._features[self.frames : end] = features
        self._levels[self.frames : end] = loudness(features)
        for frame in range(self.frames, end):
            near = self._loudest[max(0, frame - NEAR_FRAMES + 1) : frame + NEAR_FRAMES + 1]
            np.maximum(near, self._levels[frame], out=near)
        self._pushed_at[self.frames : end] = now_s
        self.frames = end

    def features(self, start: int, stop: int) -> Floats:
        """Return the features of some frames; frames before the first one are silent.

        Args:
            start: The first frame; it may be negative.
            stop: The frame after the last one, at most `frames`.

        Returns:
            Levels in dB, as an array (frames, bands).
        """
        part = self._features[max(0, start) : max(0, stop)]
        if start >= 0:
            return part
        silence = np.full((min(stop, 0) - start, BANDS), FLOOR_DB, np.float32)
        return np.concatenate((silence, part))

    def levels(self, start: int, stop: int) -> Floats:
        """Return the levels of some frames; frames before the first one are silent.

        Args:
            start: The first frame; it may be negative.
            stop: The frame after the last one, at most `frames`.

        Returns:
            Levels in dB relative to full scale, as an array (frames).
        """
        part = self._levels[max(0, start) : max(0, stop)]
        return np.concatenate((np.full(max(0, min(stop, 0) - start), FLOOR_DB, np.float32), part))

    def level(self, frame: int) -> float:
        """Return the level of one frame.

        Args:
            frame: The number of the frame, from 0 to `frames` - 1.

        Returns:
            The level in dB relative to full scale.
        """
        return float(self._levels[frame])

    def loudest(self, frame: int) -> float:
        """Return the level of the loudest frame near a frame.

        Args:
            frame: The number of the frame, from 0 to `frames`.

        Returns:
            The level in dB relative to full scale; `FLOOR_DB` if there are no frames.
        """
        return float(self._loudest[frame])

    def is_strong(self, frame: int) -> bool:
        """Return whether a frame is one of the loudest in its surroundings.

        Args:
            frame: The number of the frame, from 0 to `frames` - 1.

        Returns:
            True if the frame is at most `STRONG_DB` below the loudest frame near it, and is not
            below `AUDIBLE_DB`.
        """
        return bool(self._levels[frame] >= max(self._loudest[frame] - STRONG_DB, AUDIBLE_DB))

    def strong_frames(self, start: int, stop: int) -> list[int]:
        """Return the numbers of the strong frames in a part of the take.

        Args:
            start: The first frame.
            stop: The frame after the last one.

        Returns:
            The numbers in rising order.
        """
        start, stop = max(0, start), min(stop, self.frames)
        if stop <= start:
            return []
        least = np.maximum(self._loudest[start:stop] - STRONG_DB, AUDIBLE_DB)
        return (np.flatnonzero(self._levels[start:stop] >= least) + start).tolist()

    def pushed_at(self, frame: int) -> float:
        """Return the time at which the player pushed a frame.

        Args:
            frame: The number of the frame, from 0 to `frames` - 1.

        Returns:
            The time in seconds, on the clock of `push`.
        """
        return float(self._pushed_at[frame])
