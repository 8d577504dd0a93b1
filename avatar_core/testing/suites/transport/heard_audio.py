"""The audio that a listener heard from a transport, compared with the audio of the takes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.transport.speaker import HeardPiece

Samples = npt.NDArray[np.int16]


def make_audio(duration_s: float, format: AudioFormat, *, seed: int = 0) -> bytes:
    """Return noise without a sample of 0, so that each part of it can be recognised.

    Args:
        duration_s: Seconds of audio.
        format: The format of the audio.
        seed: The seed of the noise; another seed produces other samples.

    Returns:
        PCM in `format`: int16, little-endian, interleaved.
    """
    count = round(duration_s * format.rate_hz)
    noise = np.random.default_rng(seed).integers(1, 9000, (count, format.channels))
    noise[1::2] *= -1
    return noise.astype("<i2").tobytes()


class HeardAudio:
    """The nonzero samples that a listener heard, with the time of each sample.

    Args:
        pieces: The audio that was heard.
        format: The format of the audio.
    """

    def __init__(self, pieces: Sequence[HeardPiece], format: AudioFormat) -> None:
        self._rate_hz = format.rate_hz
        self._channels = format.channels
        samples, times = [np.empty((0, format.channels), np.int16)], [np.empty(0)]
        for piece in pieces:
            samples.append(self._frames(piece.pcm))
            times.append(piece.at_s + (np.arange(len(samples[-1])) + 1) / format.rate_hz)
        every = np.concatenate(samples)
        audible = every.any(axis=1)
        self._samples: Samples = every[audible]
        self._times = np.concatenate(times)[audible]

    def match(self, takes: Sequence[bytes]) -> list[float]:
        """Compare what was heard with the audio of takes, which were played one after another.

        Args:
            takes: The audio of each take. A listener may have heard a part from its start.

        Returns:
            The seconds of each take that were heard.

        Raises:
            CheckFailed: A listener heard audio of no take, repeated audio, or audio in the wrong
                order.
        """
        at, heard_s = 0, []
        for pcm in takes:
            count = self._match_one(at, self._frames(pcm))
            heard_s.append(count / self._rate_hz)
            at += count
        if at < len(self._samples):
            sums = " + ".join(f"{part:.3f} s" for part in heard_s)
            raise CheckFailed(
                f"A listener heard {len(self._samples) / self._rate_hz:.3f} s, but only {sums} of "
                "it is the audio of the takes in order.",
                "Send each byte of each take once, in order and unchanged.",
            )
        return heard_s

    def rest(self, start_s: float) -> HeardAudio:
        """Return the audio that was heard after the first seconds of audio.

        Args:
            start_s: Seconds of audio to leave out.

        Returns:
            The later audio.
        """
        later = copy(self)
        first = round(start_s * self._rate_hz)
        later._samples, later._times = self._samples[first:], self._times[first:]
        return later

    def count_s(self, until_s: float, *, after_s: float = 0.0) -> float:
        """Return the seconds of audio that were heard in a period.

        Args:
            until_s: The loop time of the end of the period, in seconds.
            after_s: The loop time of the start of the period, in seconds.

        Returns:
            The duration in seconds.
        """
        first, last = np.searchsorted(self._times, [after_s + 1e-6, until_s + 1e-6], side="right")
        return float(last - first) / self._rate_hz

    @property
    def first_at_s(self) -> float | None:
        """The loop time of the first sample; None if nothing was heard."""
        return float(self._times[0]) if len(self._times) else None

    @property
    def last_at_s(self) -> float:
        """The loop time of the end of the last sample; 0.0 if nothing was heard."""
        return float(self._times[-1]) if len(self._times) else 0.0

    def _frames(self, pcm: bytes) -> Samples:
        return np.frombuffer(pcm, "<i2").reshape(-1, self._channels)

    def _match_one(self, start: int, audio: Samples) -> int:
        """Return the number of samples from `start` that equal the first samples of a take."""
        heard = self._samples[start : start + len(audio)]
        different = (heard != audio[: len(heard)]).any(axis=1)
        return int(different.argmax()) if different.any() else len(heard)


class HeardCounter:
    """Counts the samples that a listener heard, without those of 0, as the audio is heard.

    Args:
        format: The format of the audio.
    """

    def __init__(self, format: AudioFormat) -> None:
        self._format = format
        self._piece = self._size = self._count = 0

    def count_s(self, pieces: Sequence[HeardPiece]) -> float:
        """Count the audio that was added since the last call.

        Args:
            pieces: All audio that was heard so far; pieces before the last one do not grow.

        Returns:
            Seconds of audio that were heard so far.
        """
        for piece in pieces[self._piece :]:
            added = np.frombuffer(piece.pcm, "<i2", offset=self._size)
            self._count += int(added.reshape(-1, self._format.channels).any(axis=1).sum())
            self._piece, self._size = self._piece + 1, 0
        if pieces:
            self._piece, self._size = len(pieces) - 1, len(pieces[-1].pcm)
        return self._count / self._format.rate_hz
