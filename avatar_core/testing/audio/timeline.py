"""Frames of sound on a time axis, laid by when they arrived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

from avatar_core.contracts.audio import AudioFormat

LATE_S = 0.002  # a frame that is later than this with all that follow it comes after a gap

Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class _Run:
    """Frames of one format without a gap."""

    start_s: float
    format: AudioFormat
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def duration_s(self) -> float:
        return self.format.duration_s(len(self.pcm))

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


class Timeline:
    """The frames of one track, each at the time when it was there to be heard.

    Frames come from a jitter buffer, no faster than they play. So where they come in a burst,
    or one is late by itself, the listener was busy: a frame was there at the latest when any
    later one shows it. Only one that is late together with all that follow it comes after a gap.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def __bool__(self) -> bool:
        return any(run.pcm for run in self._runs)

    @property
    def start_s(self) -> float:
        """When the first frame was there."""
        return self._runs[0].start_s

    @property
    def end_s(self) -> float:
        """When the last one ends."""
        return self._runs[-1].end_s

    def add(self, at_s: float, pcm: bytes, format: AudioFormat) -> None:
        """A frame arrived; those before it may turn out to have been there earlier."""
        runs = self._runs
        if not runs or runs[-1].format != format or at_s - runs[-1].end_s > LATE_S:
            runs.append(_Run(at_s, format))
        last = runs[-1]
        last.start_s = min(last.start_s, at_s - last.duration_s)
        last.pcm += pcm
        for number in range(len(runs) - 1, 0, -1):
            earlier, later = runs[number - 1 : number + 1]
            if later.start_s - earlier.end_s > LATE_S:
                break
            earlier.start_s = min(earlier.start_s, later.start_s - earlier.duration_s)
            if earlier.format == later.format:
                earlier.pcm += later.pcm
                del runs[number]
            else:
                later.start_s = earlier.end_s

    def mono(self, rate_hz: int, since_s: float) -> Iterator[tuple[float, Floats]]:
        """Each stretch without a gap: its time, and its samples at a rate, -1 to 1."""
        for run in self._runs:
            if run.end_s <= since_s:
                continue
            skipped = run.format.size(max(0.0, since_s - run.start_s))
            frames = np.frombuffer(run.pcm, "<i2", offset=skipped)
            samples: Floats = frames.reshape(-1, run.format.channels).mean(1, np.float32)
            samples /= np.float32(32768)
            if run.format.rate_hz != rate_hz and samples.size:
                samples = soxr.resample(samples, run.format.rate_hz, rate_hz)
            yield run.start_s + run.format.duration_s(skipped), samples
