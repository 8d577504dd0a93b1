"""From one audio format to another, in a stream."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_core.contracts.audio import AudioFormat


class Resampler:
    """Converts a stream of int16 PCM; the same formats pass through untouched."""

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
        """Convert whole samples; `last` brings out what the filter still holds."""
        if self._source == self._target:
            return pcm
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self._source.channels)
        if self._source.channels != self._target.channels:
            mono = samples.astype(np.int32).mean(axis=1).astype(np.int16)
            samples = np.repeat(mono[:, None], self._target.channels, axis=1)
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        return np.ascontiguousarray(samples, "<i2").tobytes()
