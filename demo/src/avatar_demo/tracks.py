"""Places the audio of one track on the time axis of a recording while more audio arrives."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from avatar_demo.mp4 import RATE_HZ

TOLERANCE_S = 0.01
"""Maximum delay of a chunk, in seconds, that counts as no gap after the previous chunk."""

Floats = npt.NDArray[np.float32]
Place = Callable[[int, Floats], None]
"""A function that takes the index of a sample in the recording, and float32 samples for it."""


class AudioChunk(NamedTuple):
    """A chunk of mono audio with its time.

    Attributes:
        at_s: Time at which the first sample could be heard, in seconds.
        samples: The samples, int16, mono.
        rate_hz: Sample rate of the samples.
    """

    at_s: float
    samples: npt.NDArray[np.int16]
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """The length of the chunk in seconds."""
        return self.samples.size / self.rate_hz


class AudioTrack:
    """The audio of one track; jitter causes no gaps between consecutive chunks.

    Attributes:
        waiting: Chunks that have arrived and are not placed yet, in order.
    """

    def __init__(self) -> None:
        self.waiting: deque[AudioChunk] = deque()
        self._stream: Any = None  # a soxr.ResampleStream; None outside a run of chunks
        self._rate_hz = 0
        self._end_s = -math.inf
        self._next = 0  # sample of the recording

    def place(self, until_s: float, place: Place) -> None:
        """Resample and place all chunks that start before a time.

        Args:
            until_s: The time in seconds, on the clock of the chunks.
            place: Called with the index of the first sample in the recording, and the samples at
                `RATE_HZ`.
        """
        while self.waiting and (at_s := self._start_of_next()) < until_s:
            chunk = self.waiting.popleft()
            samples = chunk.samples
            if (late_s := self._end_s - at_s) > TOLERANCE_S:  # the chunks before came too late
                at_s = self._end_s
                samples = samples[round(late_s * chunk.rate_hz) :]
            if at_s - self._end_s > TOLERANCE_S or chunk.rate_hz != self._rate_hz:
                self._end_run(place)
            if self._stream is None:
                self._stream = soxr.ResampleStream(chunk.rate_hz, RATE_HZ, 1, "float32")
                self._rate_hz, self._end_s = chunk.rate_hz, at_s
                self._next = round(at_s * RATE_HZ)
            self._end_s += samples.size / chunk.rate_hz
            self._resample(samples.astype(np.float32) / np.float32(32768), place)
        if not self.waiting:
            self._end_run(place)

    def _start_of_next(self) -> float:
        """Return the start time of the next chunk in seconds, corrected with the later chunks."""
        at_s, since_s = self.waiting[0].at_s, 0.0
        for chunk in self.waiting:
            at_s = min(at_s, chunk.at_s - since_s)
            since_s += chunk.duration_s
        return at_s

    def _end_run(self, place: Place) -> None:
        if self._stream is not None:
            self._resample(np.zeros(0, np.float32), place, last=True)
            self._stream = None

    def _resample(self, samples: Floats, place: Place, *, last: bool = False) -> None:
        ready: Floats = self._stream.resample_chunk(samples, last=last)
        place(self._next, ready)
        self._next += ready.size
