"""Alterations of speech as vendors make them: gain, drift, another voice, and fades."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.faults.vendor_faults import SoundFaults

AUTO_GAIN_S = 2.0
"""Time constant of the automatic gain, in seconds."""
AUTO_GAIN_RMS = 0.1
"""Root mean square that the automatic gain aims at, as a fraction of full scale (-20 dBFS)."""
AUTO_GAIN_LIMITS = (0.25, 4.0)
LOUD_RMS = 0.01
"""The automatic gain ignores audio below this root mean square."""

Floats = npt.NDArray[np.float64]
"""Samples as fractions of full scale: one row for each sample, one column for each channel."""


class AlteredSpeech:
    """A filter that alters the audio of one segment as the faults of its sound require.

    Args:
        faults: The faults, of which the filter applies those that alter speech.
        format: The format of the audio.
    """

    def __init__(self, faults: SoundFaults, format: AudioFormat) -> None:
        self._faults, self._format = faults, format
        self._fade = round(faults.fade_s * format.rate_hz)
        self._odd = b""
        self._read = 0
        self._level, self._auto_gain = AUTO_GAIN_RMS, 1.0
        self._rest = np.zeros((0, format.channels))
        self._phase = 0.0
        self._faded = 0
        self._kept = np.zeros((0, format.channels))

    def feed(self, pcm: bytes) -> bytes:
        """Alter the next audio of the segment.

        Args:
            pcm: PCM in the format of the filter; it may end inside a sample.

        Returns:
            Altered PCM. The filter keeps the last `fade_s` seconds back until the segment ends.
        """
        pcm = self._odd + pcm
        whole = len(pcm) - len(pcm) % self._format.frame_bytes
        pcm, self._odd = pcm[:whole], pcm[whole:]
        samples = np.frombuffer(pcm, "<i2").astype(np.float64).reshape(-1, self._format.channels)
        if not len(samples):
            return b""
        samples = self._modulate(samples / 32768) * self._faults.gain
        if self._faults.auto_gain:
            samples = self._adapt_gain(samples)
        if self._faults.drift:
            samples = self._stretch(samples)
        return _int16(self._fade_in(samples))

    def end(self) -> bytes:
        """Return the end of the segment, with its fade.

        Returns:
            The altered PCM that `feed` kept back.
        """
        ramp = np.linspace(1.0, 0.0, len(self._kept))[:, None]
        kept, self._kept = self._kept * ramp, self._kept[:0]
        return _int16(kept)

    def _modulate(self, samples: Floats) -> Floats:
        at = self._read + np.arange(len(samples))
        self._read += len(samples)
        if not self._faults.ring_hz:
            return samples
        cycles = at * self._faults.ring_hz / self._format.rate_hz
        return samples * np.cos(2 * np.pi * cycles)[:, None]

    def _adapt_gain(self, samples: Floats) -> Floats:
        rms = float(np.sqrt(np.mean(samples**2)))
        if rms > LOUD_RMS:
            share = min(1.0, len(samples) / self._format.rate_hz / AUTO_GAIN_S)
            self._level += (rms - self._level) * share
        gain = float(np.clip(AUTO_GAIN_RMS / self._level, *AUTO_GAIN_LIMITS))
        ramp = np.linspace(self._auto_gain, gain, len(samples))[:, None]
        self._auto_gain = gain
        return samples * ramp

    def _stretch(self, samples: Floats) -> Floats:
        """Resample by linear interpolation, and keep what the next call needs."""
        samples = np.concatenate([self._rest, samples])
        step = 1 / (1 + self._faults.drift)
        at = np.arange(self._phase, len(samples) - 1, step)
        index = at.astype(int)
        share = (at - index)[:, None]
        stretched: Floats = samples[index] * (1 - share) + samples[index + 1] * share
        following = at[-1] + step if len(at) else self._phase
        used = min(int(following), len(samples) - 1)
        self._rest, self._phase = samples[used:], following - used
        return stretched

    def _fade_in(self, samples: Floats) -> Floats:
        """Fade in the start of the segment, and keep as much as the fade at the end needs."""
        if not self._fade:
            return samples
        at = self._faded + np.arange(len(samples))
        self._faded += len(samples)
        samples = samples * np.minimum(1.0, at / self._fade)[:, None]
        samples = np.concatenate([self._kept, samples])
        ready = max(0, len(samples) - self._fade)
        self._kept = samples[ready:]
        return samples[:ready]


def _int16(samples: Floats) -> bytes:
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
