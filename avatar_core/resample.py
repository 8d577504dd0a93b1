"""Conversion of an audio stream from one format to another."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_core.contracts.audio import AudioFormat


class Resampler:
    """A converter for the sample rate and the channel count of a stream of int16 PCM.

    Audio passes unchanged if both formats are equal. If the channel counts differ, each channel of
    the target receives the average of the channels of the source.

    Args:
        source: The format of the audio that `feed` takes.
        target: The format of the audio that `feed` returns.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source, self._target = source, target
        self._stream = (
            soxr.ResampleStream(
                source.rate_hz, target.rate_hz, target.channels, dtype="int16", quality="MQ"
            )
            if source.rate_hz != target.rate_hz
            else None
        )

    def feed(self, pcm: bytes, last: bool = False) -> bytes:
        """Convert the next piece of the stream.

        Args:
            pcm: Whole samples in the source format: int16, little-endian, interleaved.
            last: Whether the stream ends with this piece. Before the last piece, the resampling
                filter may hold audio back.

        Returns:
            The audio that is ready, in the target format; it may be empty.

        Raises:
            ValueError: `pcm` does not contain whole samples; not checked if both formats are equal.
        """
        if self._source == self._target:
            return pcm
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self._source.channels)
        if self._source.channels != self._target.channels:
            mono = samples.astype(np.int32).mean(axis=1).astype(np.int16)
            samples = np.repeat(mono[:, None], self._target.channels, axis=1)
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        return np.ascontiguousarray(samples, "<i2").tobytes()
