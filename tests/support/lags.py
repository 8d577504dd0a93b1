"""Measures how far the positions of an altered sound are from its waveform."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_core.testing.audio.recording import BLOCK_S, Samples, Seconds, block_rms
from tests.support.altered_sounds import HEARD_HZ, PUSHED_HZ, AlteredSound

MOST_S = 0.1
"""The distance around the expected time in which the measurement looks."""
LEAST_RMS = 0.01  # quieter parts of the pushed sound are left out
LEAST_SIMILARITY = 0.3


def measure_lags(sound: AlteredSound, window_s: float = 0.4, step_s: float = 0.25) -> Seconds:
    """Correlate each part of the heard sound with the pushed sound at its positions.

    Args:
        sound: The altered sound.
        window_s: The length of each part in seconds.
        step_s: The time between the starts of two parts, in seconds.

    Returns:
        For each part: the time at which the positions of `sound` expect it, minus the time at
        which it is heard, in seconds.
        Parts are left out if they are quiet, or if nothing within `MOST_S` is similar, as after
        lost packets.
    """
    expected = _expect(sound)
    return _find_lags(_floats(sound.heard), expected, HEARD_HZ, window_s, step_s)


def measure_level_lags(sound: AlteredSound) -> Seconds:
    """Correlate levels instead of waveforms, for a sound with an altered waveform.

    Args:
        sound: The altered sound.

    Returns:
        As `measure_lags`, from parts of 2 s, in steps of 10 ms.
    """
    heard, expected = (
        block_rms(samples, HEARD_HZ).astype(np.float32)
        for samples in (_floats(sound.heard), _expect(sound))
    )
    return _find_lags(heard, expected, round(1 / BLOCK_S), 2.0, 0.5)


def _expect(sound: AlteredSound) -> Samples:
    """Return the pushed sound at its position at each time, silent where the position stays."""
    narrow = soxr.resample(_floats(sound.pushed), PUSHED_HZ, HEARD_HZ)
    pushed = soxr.resample(narrow, HEARD_HZ, PUSHED_HZ)
    positions_s = sound.positions_at(np.arange(len(sound.heard) // 2) / HEARD_HZ)
    expected = np.interp(positions_s * PUSHED_HZ, np.arange(pushed.size), pushed)
    expected[np.diff(positions_s, prepend=-1.0) == 0] = 0
    return expected.astype(np.float32)


def _find_lags(
    heard: Samples, expected: Samples, rate_hz: int, window_s: float, step_s: float
) -> Seconds:
    size, most = round(window_s * rate_hz), round(MOST_S * rate_hz)
    padded = np.pad(expected, most)
    lags = []
    for start in range(0, heard.size - size, round(step_s * rate_hz)):
        near = padded[start : start + size + 2 * most]
        if np.sqrt(np.mean(near[most:-most] ** 2)) < LEAST_RMS:
            continue
        similarity = _correlate(near, heard[start : start + size])
        best = int(similarity.argmax())
        if similarity[best] >= LEAST_SIMILARITY:
            lags.append((best - most) / rate_hz)
    return np.array(lags)


def _correlate(near: Samples, part: Samples) -> Seconds:
    """Return the normalised correlation at each offset of `part` in `near`."""
    near, part = near - near.mean(), part - part.mean()
    powers = np.cumsum(np.concatenate([[0.0], near.astype(np.float64) ** 2]))
    norms = np.sqrt(powers[part.size :] - powers[: -part.size]) * np.linalg.norm(part)
    similarity: Seconds = np.correlate(near, part, "valid") / (norms + 1e-9)
    return similarity


def _floats(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
