"""Places audio frames on a time axis by their arrival times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

from avatar_core.contracts.audio import AudioFormat

LATE_S = 0.002
"""There is a gap before a frame if it and all later frames are more than this late."""

Floats = npt.NDArray[np.float32]
"""Samples from -1 to 1, mono."""


@dataclass(slots=True)
class _Run:
    """Consecutive audio frames of one format without a gap between them."""

    start_s: float
    format: AudioFormat
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def duration_s(self) -> float:
        """The duration of the frames in seconds."""
        return self.format.duration_s(len(self.pcm))

    @property
    def end_s(self) -> float:
        """The time of the end of the last sample, in seconds."""
        return self.start_s + self.duration_s


class Timeline:
    """The audio frames of one track, each at the time from which it could be heard.

    A jitter buffer delivers frames no faster than they play. If frames arrive in a burst, or if a
    single frame is late, the receiving process was busy and the frames were available earlier. The
    timeline moves such frames to the latest time that lets the following frames be on time. A gap
    remains only before a frame that is late together with all following frames.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def __bool__(self) -> bool:
        return any(run.pcm for run in self._runs)

    @property
    def start_s(self) -> float:
        """The time of the first sample, in seconds.

        Raises:
            IndexError: There are no frames yet.
        """
        return self._runs[0].start_s

    @property
    def end_s(self) -> float:
        """The time of the end of the last sample, in seconds.

        Raises:
            IndexError: There are no frames yet.
        """
        return self._runs[-1].end_s

    def add(self, at_s: float, pcm: bytes, format: AudioFormat) -> None:
        """Add a frame that has arrived, and move earlier frames that were available sooner.

        Args:
            at_s: The time of arrival in seconds.
            pcm: Interleaved int16 PCM, whole samples.
            format: The format of the frame.
        """
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
        """Yield each run of audio without a gap, mixed down to mono.

        Args:
            rate_hz: The sample rate of the result in Hz.
            since_s: Leave out the audio before this time, in seconds.

        Yields:
            The time of the first sample in seconds, and float32 samples from -1 to 1, shape
            `(samples,)`.
        """
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
