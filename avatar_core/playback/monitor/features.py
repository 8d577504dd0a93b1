"""Converts a stream of PCM to features: the level of each frequency band, every 10 ms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.listening import LISTENING_FORMAT

Floats = npt.NDArray[np.float32]

HOP_S = 0.01
"""Seconds from one frame to the next. All positions of the monitor are counted in frames."""
BANDS = 12
"""Number of frequency bands, which are spaced evenly on the mel scale."""
FLOOR_DB = -70.0
"""Level of silence in dB relative to full scale; quieter sound counts as silence."""

_HOP = round(HOP_S * LISTENING_FORMAT.rate_hz)
_WINDOW = 2 * _HOP
_LOW_HZ, _HIGH_HZ = 150.0, 3_600.0


def _band_matrix() -> Floats:
    """Return the weight of each bin of the spectrum in each band, as an array (bins, bands)."""
    low, high = np.log1p(np.array((_LOW_HZ, _HIGH_HZ)) / 700)
    edges = 700 * np.expm1(np.linspace(low, high, BANDS + 2))
    bins = np.fft.rfftfreq(_WINDOW, 1 / LISTENING_FORMAT.rate_hz)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    nearest = np.abs(bins - edges[1:-1]).argmin(axis=0)  # a narrow band may contain no bin
    weights[nearest, np.arange(BANDS)] = np.maximum(weights[nearest, np.arange(BANDS)], 0.5)
    return np.asarray(weights, np.float32)


_HANN = np.hanning(_WINDOW).astype(np.float32)
_WEIGHTS = _band_matrix()
_SCALE = np.float32(1 / (32768 * _HANN.sum() / 2))


class FeatureStream:
    """Computes the level of each frequency band for each frame of a stream of PCM."""

    def __init__(self) -> None:
        self._rest = np.zeros(_WINDOW - _HOP, np.float32)

    def feed(self, pcm: bytes) -> Floats:
        """Process the next piece of the stream.

        Args:
            pcm: Audio in `LISTENING_FORMAT`, of any length in whole samples.

        Returns:
            Levels in dB relative to full scale, as an array (frames, bands), for the frames that
            end within the piece.
        """
        samples = np.concatenate((self._rest, np.frombuffer(pcm, "<i2").astype(np.float32)))
        count = (len(samples) - (_WINDOW - _HOP)) // _HOP
        if count <= 0:
            self._rest = samples
            return np.empty((0, BANDS), np.float32)
        self._rest = samples[count * _HOP :]
        hops = samples[: (count + 1) * _HOP].reshape(-1, _HOP)
        frames = np.concatenate((hops[:-1], hops[1:]), axis=1) * _HANN
        spectrum = np.abs(np.fft.rfft(frames, axis=1)) * _SCALE
        power = (spectrum * spectrum) @ _WEIGHTS
        return np.asarray(np.maximum(10 * np.log10(power + 1e-12), FLOOR_DB), np.float32)


def loudness(features: Floats) -> Floats:
    """Return the level of each frame over all bands.

    Args:
        features: Levels in dB, as an array (frames, bands).

    Returns:
        Levels in dB relative to full scale, as an array (frames).
    """
    power = np.power(10.0, features / 10).sum(axis=1)
    return np.asarray(10 * np.log10(power), np.float32)
