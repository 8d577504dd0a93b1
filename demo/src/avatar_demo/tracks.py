"""Sound of a track as a film needs it: laid at its time without a seam, while more arrives."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from avatar_demo.film import RATE_HZ

SLACK_S = 0.01  # within it a frame of sound follows the one before

Floats = npt.NDArray[np.float32]
Lay = Callable[[int, Floats], None]
"""(sample of the film, samples from there on)"""


class Piece(NamedTuple):
    """A frame of mono sound, and when its first sample was heard."""

    at_s: float
    samples: npt.NDArray[np.int16]
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length, seconds."""
        return self.samples.size / self.rate_hz


class Track:
    """Sound of one track. Pieces that follow one another stay so, whatever the jitter.

    Attributes:
        waiting: What came and is not laid yet, in order.
    """

    def __init__(self) -> None:
        self.waiting: deque[Piece] = deque()
        self._stream: Any = None  # soxr's; None between two stretches
        self._rate_hz = 0
        self._end_s = -math.inf
        self._next = 0  # sample of the film

    def play(self, until_s: float, lay: Lay) -> None:
        """Lay everything that was heard before a time."""
        while self.waiting and (at_s := self._true_time()) < until_s:
            piece = self.waiting.popleft()
            samples = piece.samples
            if (late_s := self._end_s - at_s) > SLACK_S:  # those before it were laid too late
                at_s = self._end_s
                samples = samples[round(late_s * piece.rate_hz) :]
            if at_s - self._end_s > SLACK_S or piece.rate_hz != self._rate_hz:
                self._break(lay)
            if self._stream is None:
                self._stream = soxr.ResampleStream(piece.rate_hz, RATE_HZ, 1, "float32")
                self._rate_hz, self._end_s = piece.rate_hz, at_s
                self._next = round(at_s * RATE_HZ)
            self._end_s += samples.size / piece.rate_hz
            self._resample(samples.astype(np.float32) / np.float32(32768), lay)
        if not self.waiting:
            self._break(lay)

    def _true_time(self) -> float:
        """When the first that waits was there, at the latest: a later one may show it."""
        at_s, since_s = self.waiting[0].at_s, 0.0
        for piece in self.waiting:
            at_s = min(at_s, piece.at_s - since_s)
            since_s += piece.duration_s
        return at_s

    def _break(self, lay: Lay) -> None:
        if self._stream is not None:
            self._resample(np.zeros(0, np.float32), lay, last=True)
            self._stream = None

    def _resample(self, samples: Floats, lay: Lay, *, last: bool = False) -> None:
        ready: Floats = self._stream.resample_chunk(samples, last=last)
        lay(self._next, ready)
        self._next += ready.size
