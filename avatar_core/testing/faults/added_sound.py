"""Sounds that a vendor adds to the avatar's audio: background music, and a greeting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.faults.vendor_faults import SoundFaults

GREETING_S = 1.0
GREETING_RMS = 0.1
GREETING_HZ = 140.0
"""Fundamental frequency of the greeting. Its many harmonics do not decode as a word tone."""
HARMONICS = 20
SYLLABLES_HZ = 4.0
CHORDS_HZ = ((131.0, 165.0, 196.0), (147.0, 175.0, 220.0), (98.0, 123.0, 196.0))
"""The chords of the music. They have no high tone, so that they do not decode as a word tone."""
CHORD_S, BEAT_S, DECAY_S = 2.0, 0.5, 0.2

Floats = npt.NDArray[np.float64]


class AddedSound:
    """The sounds that a worker adds, sample by sample.

    Args:
        faults: The faults, with `music_rms` and `greeting_at_s`.
        format: The format of the audio.
    """

    def __init__(self, faults: SoundFaults, format: AudioFormat) -> None:
        self._faults, self._format = faults, format
        self._at = 0
        self._greeting_at: int | None = None

    def greet(self) -> None:
        """Start the greeting with the next sample."""
        self._greeting_at = self._at

    def add_to(self, pcm: bytes) -> bytes:
        """Mix the next samples of the added sounds into audio.

        Args:
            pcm: PCM in the format of this object, whole samples.

        Returns:
            The mix, clipped at full scale, of the same length.
        """
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self._format.channels) / 32768
        at_s = (self._at + np.arange(len(samples))) / self._format.rate_hz
        added = self._faults.music_rms * _music(at_s)
        if self._greeting_at is not None:
            added += GREETING_RMS * _greeting(at_s - self._greeting_at / self._format.rate_hz)
        self._at += len(samples)
        mixed = np.clip(samples + added[:, None], -1, 1)
        return np.rint(mixed * 32767).astype("<i2").tobytes()


def _music(at_s: Floats) -> Floats:
    """Return music with a root mean square of about 1: a chord for each beat, which decays."""
    chord = (at_s / CHORD_S).astype(int) % len(CHORDS_HZ)
    tones_hz = np.asarray(CHORDS_HZ)[chord]
    tones = np.sin(2 * np.pi * tones_hz * at_s[:, None]).sum(axis=1)
    envelope = np.exp(-(at_s % BEAT_S) / DECAY_S)
    mean_square = DECAY_S / 2 / BEAT_S * (1 - np.exp(-2 * BEAT_S / DECAY_S))
    return np.asarray(tones * envelope / np.sqrt(mean_square * len(CHORDS_HZ[0]) / 2))


def _greeting(at_s: Floats) -> Floats:
    """Return a voiced sound in syllables from 0 s to `GREETING_S`, and silence outside."""
    number = np.arange(1, HARMONICS + 1)
    tones = np.sin(2 * np.pi * GREETING_HZ * number * at_s[:, None]).sum(axis=1)
    envelope = np.sin(np.pi * SYLLABLES_HZ * at_s) ** 2
    inside = (at_s >= 0) & (at_s < GREETING_S)
    return np.asarray(np.where(inside, tones * envelope / np.sqrt(HARMONICS / 2 * 3 / 8), 0.0))
