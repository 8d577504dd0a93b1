"""The input of the model: a log-mel spectrum of the speech every 10 ms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
HOP, WINDOW, FFT = 160, 400, 512
"""Samples between two spectra, in the window of a spectrum, and in its Fourier transform."""
BANDS = 32
LOW_HZ, HIGH_HZ = 60.0, 7600.0
PAST, FUTURE = 16, 8
"""Spectra before and after a moment that the model reads to draw the mouth at that moment."""
FLOOR_DB, DECAY_DB = -50.0, 0.02
"""Minimum of the peak level in dB, and its fall in dB from one spectrum to the next."""

Floats = npt.NDArray[np.float32]


def _make_filters() -> Floats:
    low, high = (2595.0 * float(np.log10(1.0 + hz / 700.0)) for hz in (LOW_HZ, HIGH_HZ))
    mel = np.linspace(low, high, BANDS + 2)
    edges = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    hz = np.fft.rfftfreq(FFT, 1 / RATE_HZ)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(filters / filters.sum(axis=0), np.float32)


_FILTERS = _make_filters()
_HANN = np.hanning(WINDOW).astype(np.float32)


def measure_energies(windows: Floats) -> Floats:
    """Compute the energy in each mel band.

    Args:
        windows: Samples from -1 to 1, float32 of shape `(n, WINDOW)`.

    Returns:
        Energies in dB of full scale, float32 of shape `(n, BANDS)`, at least -90.
    """
    power = np.abs(np.fft.rfft(windows * _HANN, FFT)) ** 2 / (WINDOW / 4) ** 2
    return np.asarray(10.0 * np.log10(power @ _FILTERS + 1e-9), np.float32)


class Features:
    """The spectra of one speech, whose audio arrives in pieces of any length.

    The spectra are relative to the peak level of the speech so far, so that a quiet voice moves
    the mouth as far as a loud one.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new speech."""
        self._rest: Floats = np.zeros(0, np.float32)
        self._peak_db = FLOOR_DB
        self._first = 0
        self._rows: Floats = np.zeros((0, BANDS), np.float32)

    def feed(self, pcm: bytes) -> None:
        """Add audio.

        Args:
            pcm: PCM, int16, mono, at `RATE_HZ`.
        """
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        self._rest = np.concatenate([self._rest, samples])
        count = (self._rest.size - WINDOW) // HOP + 1
        if count <= 0:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._rest, WINDOW)[: count * HOP : HOP]
        self._rest = self._rest[count * HOP :]
        energies = measure_energies(windows)
        for row in energies:
            self._peak_db = max(float(row.max()), self._peak_db - DECAY_DB, FLOOR_DB)
            row -= self._peak_db
        self._rows = np.concatenate([self._rows, np.clip(energies / 25 + 1, -1, 1)])

    def forget(self, before: int) -> None:
        """Drop the spectra that no later moment needs.

        Args:
            before: The earliest moment that `read` will be called with, in samples.
        """
        unused = min(len(self._rows), _row_at(before) - PAST - self._first)
        if unused > 0:
            self._rows = self._rows[unused:]
            self._first += unused

    def covers(self, moment: int) -> bool:
        """Return whether all audio that the model reads for a moment has arrived.

        Args:
            moment: A moment of the speech, in samples from its start.

        Returns:
            False if `read` would repeat the latest spectrum.
        """
        return _row_at(moment) + FUTURE < self._first + len(self._rows)

    def read(self, moments: list[int]) -> Floats:
        """Return the inputs of the model.

        Before the speech there is silence. The latest spectrum stands for audio that has not
        arrived.

        Args:
            moments: Moments of the speech, in samples from its start.

        Returns:
            The spectra around each moment, from -1 (silence) to 1 (the peak level), float32 of
            shape `(n, (PAST + 1 + FUTURE) * BANDS)`.
        """
        rows = np.concatenate([np.full((1, BANDS), -1, np.float32), self._rows])
        middle = np.array([_row_at(moment) for moment in moments]) - self._first + 1
        around = middle[:, None] + np.arange(-PAST, FUTURE + 1)
        return rows[np.clip(around, 0, len(rows) - 1)].reshape(len(moments), -1)


def _row_at(moment: int) -> int:
    """Return the spectrum whose window has a moment in its middle."""
    return round((moment - WINDOW / 2) / HOP)
