"""Audio features for viseme recognition: a normalised log-mel spectrum every 10 ms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 24_000
HOP = RATE_HZ // 100
"""Samples from the start of one window to the start of the next: 10 ms."""
WINDOW = RATE_HZ // 40
"""Samples in a window: 25 ms."""
BANDS = 26
"""Number of mel bands."""
LOW_HZ, HIGH_HZ = 60.0, 7600.0
FFT = 1024
EMPHASIS = 0.97
FLOOR_DB = -15.0
"""Minimum of the peak level in dB, so that `Features` does not amplify background noise."""
ATTACK, DECAY_DB = 0.25, 0.012
"""How the peak level follows the level: share of a rise in one frame, and dB of a fall."""
SPEECH_DB = 28.0
"""A frame counts as speech if its level is less than this many dB below the peak level."""
MEAN_WEIGHT, MEAN_FRAMES = 0.7, (40.0, 400.0)
"""Share of the mean spectrum to subtract; weight of the mean in frames: first and maximum."""

Floats = npt.NDArray[np.float32]


class Features:
    """A converter from audio to log-mel spectra, normalised for loudness and microphone.

    A `Tracker` creates a `Features` object for its audio. Frame `i` is the spectrum of the 25 ms
    around sample `i * HOP + WINDOW / 2`. The lengths of the audio chunks do not affect the result.

    Args:
        mean: Assumed mean spectrum at the start of a speech: dB relative to the peak level,
            float32 of shape `(BANDS,)`.
    """

    def __init__(self, mean: Floats) -> None:
        self._prior = mean
        self.reset()

    def reset(self) -> None:
        """Start a new speech: drop the remaining samples, the peak level and the learned mean."""
        self._rest = np.zeros(0, np.float32)
        self._mean, self._frames = self._prior.copy(), MEAN_FRAMES[0]
        self._peak_db = FLOOR_DB

    def feed(self, samples: npt.NDArray[np.int16]) -> tuple[Floats, Floats]:
        """Add audio, and compute the frames that the audio completes.

        Args:
            samples: The next samples of the speech: int16, mono, at `RATE_HZ`, any number.

        Returns:
            The normalised spectra of the `n` completed frames, float32 of shape `(n, BANDS)` from
            -2.2 to 2.0, and the distance of each frame's level below the peak level in dB,
            float32 of shape `(n,)`. A distance is negative while the peak level rises.
        """
        self._rest = np.concatenate([self._rest, samples.astype(np.float32) / 32768.0])
        count = max(0, (self._rest.size - WINDOW) // HOP + 1)
        if not count:
            return np.zeros((0, BANDS), np.float32), np.zeros(0, np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(self._rest, WINDOW)[: count * HOP : HOP]
        energies = log_mel(frames)
        self._rest = self._rest[count * HOP :]
        spectra = np.empty_like(energies)
        under = np.empty(count, np.float32)
        for at, frame in enumerate(energies):
            spectra[at], under[at] = self._normalised(frame)
        return spectra, under

    def _normalised(self, energies: Floats) -> tuple[Floats, float]:
        level_db = float(energies.max())
        rise = level_db - self._peak_db
        self._peak_db = max(self._peak_db + (ATTACK * rise if rise > 0 else -DECAY_DB), FLOOR_DB)
        relative = energies - self._peak_db
        if level_db > self._peak_db - SPEECH_DB:
            self._frames = min(self._frames + 1, MEAN_FRAMES[1])
            self._mean += (relative - self._mean) / self._frames
        shape = relative - MEAN_WEIGHT * (self._mean - self._mean.mean())
        normalised = np.clip((shape + 30.0) / 20.0, -2.2, 2.0).astype(np.float32)
        return normalised, self._peak_db - level_db


def log_mel(frames: Floats) -> Floats:
    """Compute the energy of each mel band in windows of audio.

    Args:
        frames: Samples from -1 to 1 at `RATE_HZ`, float32, one window in each row: shape
            `(n, WINDOW)`.

    Returns:
        Energies in dB, float32 of shape `(n, BANDS)`; at least -80.
    """
    emphasised = np.concatenate([frames[:, :1], frames[:, 1:] - EMPHASIS * frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(emphasised * _HAMMING, FFT)) ** 2
    return np.asarray(10.0 * np.log10(power @ _MEL + 1e-8), np.float32)


def _mel_filters() -> Floats:
    """Return triangular filters of equal width on the mel scale (O'Shaughnessy, 1987).

    Returns:
        The weight of each FFT bin in each band, float32 of shape `(FFT // 2 + 1, BANDS)`.
    """

    def mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Convert frequencies to the mel scale.

        Args:
            hz: Frequencies in Hz, of any shape.

        Returns:
            The values in mel, float64, of the same shape.
        """
        return 2595.0 * np.log10(1.0 + np.asarray(hz, float) / 700.0)

    centres = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BANDS + 2)
    bins = mel(np.fft.rfftfreq(FFT, 1 / RATE_HZ))[:, None]
    width = centres[1] - centres[0]
    return np.asarray(np.clip(1.0 - np.abs(bins - centres[1:-1]) / width, 0.0, None), np.float32)


_HAMMING = np.hamming(WINDOW).astype(np.float32)
_MEL = _mel_filters()
