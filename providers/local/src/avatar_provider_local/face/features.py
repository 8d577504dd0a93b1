"""Audio features for the mouth: the shape of the spectrum, a hundred times a second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 24_000
HOP = RATE_HZ // 100
WINDOW = RATE_HZ // 40
BANDS = 26
LOW_HZ, HIGH_HZ = 60.0, 7600.0
FFT = 1024
EMPHASIS = 0.97
FLOOR_DB = -15.0
"""No voice is quieter than this; the rest is noise and is not turned up."""
ATTACK, DECAY_DB = 0.25, 0.012
"""How the loudest level heard is followed, a frame: up in part, down by so much."""
SPEECH_DB = 28.0
"""Frames within this of the loudest count as speech."""
MEAN_WEIGHT, MEAN_FRAMES = 0.7, (40.0, 400.0)

Floats = npt.NDArray[np.float32]


class Features:
    """Frames of log-mel energies, freed of loudness and of most of the microphone.

    Frame `i` is centred on `i * HOP + WINDOW / 2` samples. The same sound gives the same
    frames, in whatever pieces it comes.

    Args:
        mean: What to expect of their mean at first, `(BANDS,)`.
    """

    def __init__(self, mean: Floats) -> None:
        self._prior = mean
        self.reset()

    def reset(self) -> None:
        """Another speech begins: what is known of the voice is kept by nobody."""
        self._rest = np.zeros(0, np.float32)
        self._mean, self._frames = self._prior.copy(), MEAN_FRAMES[0]
        self._peak_db = FLOOR_DB

    def feed(self, samples: npt.NDArray[np.int16]) -> tuple[Floats, Floats]:
        """The frames that are complete now, `(n, BANDS)`, and their level under the peak, dB."""
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
    """Energies in dB of windows of sound, `(n, WINDOW)` to `(n, BANDS)`."""
    emphasised = np.concatenate([frames[:, :1], frames[:, 1:] - EMPHASIS * frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(emphasised * _HAMMING, FFT)) ** 2
    return np.asarray(10.0 * np.log10(power @ _MEL + 1e-8), np.float32)


def _mel_filters() -> Floats:
    """Triangles of even width on the mel scale (O'Shaughnessy, 1987)."""

    def mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return 2595.0 * np.log10(1.0 + np.asarray(hz, float) / 700.0)

    centres = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BANDS + 2)
    bins = mel(np.fft.rfftfreq(FFT, 1 / RATE_HZ))[:, None]
    width = centres[1] - centres[0]
    return np.asarray(np.clip(1.0 - np.abs(bins - centres[1:-1]) / width, 0.0, None), np.float32)


_HAMMING = np.hamming(WINDOW).astype(np.float32)
_MEL = _mel_filters()
