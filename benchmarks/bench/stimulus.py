"""The test signals of the benchmark; the listener can measure where they start and end."""

from __future__ import annotations

import numpy as np

from avatar_core.testing.audio.tones import VOCABULARY, WordTones

RATE_HZ = 24_000
FRAME_PERIOD_S = 0.04
"""Period of video frames at 25 per second. All beeps start and end at multiples of it, so that
the frame rate alone causes no skew between audio and video."""
BEEP_S = 0.2
BEEP_HZ = 600.0
LEVEL = 0.3
GAPS_S = (0.12, 0.2, 0.4, 0.8, 0.28)


def silence(duration_s: float) -> bytes:
    """Create silence.

    Args:
        duration_s: Length in seconds.

    Returns:
        Mono int16 PCM at `RATE_HZ`.
    """
    return bytes(2 * round(duration_s * RATE_HZ))


def tone(duration_s: float) -> bytes:
    """Create a tone of 600 Hz that rises and falls within 2 ms.

    Args:
        duration_s: Length in seconds.

    Returns:
        Mono int16 PCM at `RATE_HZ`.
    """
    at_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    ramp = np.clip(np.minimum(at_s, at_s[::-1]) / 0.002, 0, 1)
    wave = LEVEL * ramp * np.sin(2 * np.pi * BEEP_HZ * at_s)
    return np.rint(wave * 32767).astype("<i2").tobytes()


def beeps() -> bytes:
    """Create six beeps with pauses of 0.12 to 0.8 s.

    Returns:
        3 s of mono int16 PCM at `RATE_HZ`.
    """
    return b"".join(tone(BEEP_S) + silence(gap_s) for gap_s in GAPS_S) + tone(BEEP_S)


def make_speech(count: int) -> tuple[list[str], bytes]:
    """Create a speech of words, each of which is a combination of tones of 0.3 s.

    Args:
        count: Number of words.

    Returns:
        The words, and their tones as mono int16 PCM at `RATE_HZ`.
    """
    names = [VOCABULARY[number % len(VOCABULARY)] for number in range(count)]
    return names, WordTones(RATE_HZ).speak(names)
