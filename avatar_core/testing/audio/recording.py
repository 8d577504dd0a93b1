"""Recordings of altered sound that know which position of the original sound is heard when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import soxr

BLOCK_S = 0.01
QUIET_RMS = 0.003
"""Root mean square of a block below which it counts as silent (-50 dBFS)."""

Samples = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]


class Piece(NamedTuple):
    """A piece of a rearranged recording.

    Attributes:
        samples: Float samples from -1 to 1, mono.
        start_s: The position in the source when the piece starts.
        end_s: The position in the source when the piece ends. The position moves evenly from
            `start_s` to `end_s`; it stays where it is if both are equal.
    """

    samples: Samples
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class TimeMap:
    """A map from the time in a recording to the time in its source, linear between its knots.

    Attributes:
        times_s: The times of the knots in the recording, ascending. Two knots with the same time
            are a jump.
        positions_s: The time in the source at each knot.
    """

    times_s: Seconds
    positions_s: Seconds

    def at(self, times_s: Seconds) -> Seconds:
        """Return the times in the source.

        Args:
            times_s: Times in the recording, in seconds.

        Returns:
            Times in the source, in seconds. Before the first knot and after the last knot the
            result is the value of that knot.
        """
        return np.interp(times_s, self.times_s, self.positions_s)


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound, and the position of the original sound at each time in it.

    Attributes:
        samples: Float samples, mono. Samples outside of -1 to 1 are clipped by `to_pcm`.
        rate_hz: The sample rate of `samples` in Hz.
        maps: One map for each alteration that moved sound in time, the first alteration first.
    """

    samples: Samples
    rate_hz: int
    maps: tuple[TimeMap, ...] = ()

    @classmethod
    def from_pcm(cls, pcm: bytes, rate_hz: int) -> Self:
        """Return the original sound as a recording.

        Args:
            pcm: Mono int16 PCM.
            rate_hz: The sample rate of `pcm` in Hz.

        Returns:
            A recording whose positions are the times in `pcm`.
        """
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        ends_s = np.array([0.0, samples.size / rate_hz])
        return cls(samples, rate_hz, (TimeMap(ends_s, ends_s),))

    @property
    def duration_s(self) -> float:
        """The length of the recording in seconds."""
        return self.samples.size / self.rate_hz

    def to_pcm(self, rate_hz: int) -> bytes:
        """Convert the recording to PCM, clipped at full scale.

        Args:
            rate_hz: The sample rate of the result in Hz.

        Returns:
            Mono int16 PCM.
        """
        samples = self.at_rate(rate_hz).samples
        return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    def at_rate(self, rate_hz: int) -> Self:
        """Return the recording with another sample rate; times and positions stay the same.

        Args:
            rate_hz: The sample rate of the result in Hz.

        Returns:
            The resampled recording.
        """
        if rate_hz == self.rate_hz:
            return self
        samples = soxr.resample(self.samples, self.rate_hz, rate_hz)
        return replace(self, samples=samples, rate_hz=rate_hz)

    def with_samples(self, samples: npt.NDArray[np.floating]) -> Self:
        """Return the recording with other samples at the same times.

        Args:
            samples: Float samples, mono, as many as before.

        Returns:
            The recording with these samples.
        """
        return replace(self, samples=samples.astype(np.float32, copy=False))

    def rearrange(self, pieces: Sequence[Piece]) -> Self:
        """Return the pieces one after the other as a recording.

        Args:
            pieces: The pieces, at the sample rate of this recording. The positions of the pieces
                are times in this recording.

        Returns:
            The new recording, whose positions refer to the original sound.
        """
        samples = np.concatenate([piece.samples for piece in pieces])
        ends_s = np.cumsum([piece.samples.size for piece in pieces]) / self.rate_hz
        starts_s = np.concatenate([[0.0], ends_s[:-1]])
        knots = TimeMap(
            np.column_stack([starts_s, ends_s]).ravel(),
            np.array([[piece.start_s, piece.end_s] for piece in pieces]).ravel(),
        )
        return replace(self, samples=samples, maps=(*self.maps, knots))

    def positions_at(self, times_s: Seconds) -> Seconds:
        """Return the positions of the original sound that are heard at given times.

        Args:
            times_s: Times in this recording, in seconds.

        Returns:
            Positions in the original sound, in seconds. The position stays where it is while the
            recording contains no sound of the original.
        """
        for time_map in reversed(self.maps):
            times_s = time_map.at(times_s)
        return times_s


def block_rms(samples: Samples, rate_hz: int) -> Seconds:
    """Return the root mean square of each block of `BLOCK_S`.

    Args:
        samples: Float samples, mono.
        rate_hz: The sample rate of `samples` in Hz.

    Returns:
        One value for each block; an incomplete block at the end is padded with silence.
    """
    size = round(BLOCK_S * rate_hz)
    blocks = np.pad(samples, (0, -samples.size % size)).reshape(-1, size)
    return np.sqrt(np.mean(blocks**2, axis=1, dtype=np.float64))


def speech_rms(samples: Samples, rate_hz: int) -> float:
    """Return the root mean square of the blocks that are not silent.

    Args:
        samples: Float samples, mono.
        rate_hz: The sample rate of `samples` in Hz.

    Returns:
        A fraction of full scale; 0.0 if every block is silent.
    """
    levels = block_rms(samples, rate_hz)
    loud = levels[levels >= QUIET_RMS]
    return float(np.sqrt(np.mean(loud**2))) if loud.size else 0.0
