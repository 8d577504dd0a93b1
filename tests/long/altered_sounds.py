"""Makes every altered sound and compares its positions with its waveform.

python -m tests.long.altered_sounds 60

The number is the length of each speech in seconds. The recorded voices must be installed; the
script prints the command. Later runs and other scripts use the stored sounds.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tests.support.altered_sounds import HEARD_HZ, WITHOUT_WAVEFORM, altered_sounds
from tests.support.lags import measure_lags, measure_level_lags
from tests.support.voices import install_hint, missing_voices

MEDIAN_MS, P90_MS = 1.0, 3.0
LEVEL_MEDIAN_MS, LEVEL_P90_MS = 5.0, 20.0
"""Limits for levels, which are measured in steps of 10 ms: for word tones, because a tone is
similar to itself a period later, and for a sound without a waveform to align."""


def run(duration_s: float) -> bool:
    """Print the differences of each sound.

    Args:
        duration_s: Seconds of each sound.

    Returns:
        Whether all differences are within the limits.

    Raises:
        FileNotFoundError: A voice is not installed on this machine.
    """
    good = True
    minutes = 0.0
    began = time.perf_counter()
    print(f"{'parts':>5} {'median ms':>9} {'p90 ms':>7} {'max ms':>7}")
    for sound in altered_sounds(duration_s):
        by_level = sound.name.startswith("tones") or sound.name.endswith(WITHOUT_WAVEFORM)
        lags_ms = 1000 * (measure_level_lags(sound) if by_level else measure_lags(sound))
        sizes_ms = np.abs(lags_ms)
        median_ms, p90_ms = abs(np.median(lags_ms)), np.percentile(sizes_ms, 90)
        most_ms = (LEVEL_MEDIAN_MS, LEVEL_P90_MS) if by_level else (MEDIAN_MS, P90_MS)
        fits = median_ms <= most_ms[0] and p90_ms <= most_ms[1] and lags_ms.size > duration_s
        good = good and fits
        figures = f"{lags_ms.size:5} {median_ms:9.2f} {p90_ms:7.2f} {sizes_ms.max():7.2f}"
        print(f"{figures}  {'' if fits else 'FAILED: '}{sound.name}", flush=True)
        minutes += len(sound.heard) / 2 / HEARD_HZ / 60
    print(f"{minutes:.1f} minutes of sound in {time.perf_counter() - began:.1f} s")
    return good


def main() -> None:
    """Run, and exit with status 1 if a position is wrong or a voice is missing."""
    if missing_voices():
        sys.exit(install_hint())
    sys.exit(0 if run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0) else 1)


if __name__ == "__main__":
    main()
