"""What is said on the bench: sounds whose edges can be found again at the listener's end."""

from __future__ import annotations

import numpy as np

from avatar_core.testing.audio.tones import VOCABULARY, WordTones

RATE_HZ = 24_000
PICTURE_S = 0.04
"""Of pictures at 25 a second: every edge of a beep stands on this grid, so that the grid
itself is not taken for lost sync."""
BEEP_S = 0.2
BEEP_HZ = 600.0
LEVEL = 0.3
GAPS_S = (0.12, 0.2, 0.4, 0.8, 0.28)


def silence(duration_s: float) -> bytes:
    """Nothing, as mono int16 PCM."""
    return bytes(2 * round(duration_s * RATE_HZ))


def tone(duration_s: float) -> bytes:
    """One steady tone; it begins and ends within 2 ms."""
    at_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    ramp = np.clip(np.minimum(at_s, at_s[::-1]) / 0.002, 0, 1)
    wave = LEVEL * ramp * np.sin(2 * np.pi * BEEP_HZ * at_s)
    return np.rint(wave * 32767).astype("<i2").tobytes()


def beeps() -> bytes:
    """Six beeps with pauses of 0.12 to 0.8 s between them, 3 s in all."""
    return b"".join(tone(BEEP_S) + silence(gap_s) for gap_s in GAPS_S) + tone(BEEP_S)


def words(count: int) -> tuple[list[str], bytes]:
    """So many words of the vocabulary, 0.3 s each, and their sound."""
    names = [VOCABULARY[number % len(VOCABULARY)] for number in range(count)]
    return names, WordTones(RATE_HZ).speak(names)
