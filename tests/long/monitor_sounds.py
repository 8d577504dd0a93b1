"""Lets the monitor hear every altered sound: counts false faults and measures the position.

python -m tests.long.monitor_sounds 33

The number is the length of each speech in seconds; with 33, all sounds together last an hour. The
recorded voices must be installed; the script prints the command.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np

from tests.support.altered_sounds import HEARD_HZ, WITHOUT_WAVEFORM, AlteredSound, altered_sounds
from tests.support.monitored_take import MonitoredTake
from tests.support.voices import install_hint, missing_voices

LINE_S = 0.2
"""Seconds from the push of audio until it is heard, in addition to the delay of the sound."""
STARTED_S = 0.6
"""Positions count from this time after the first sound."""
MEDIAN_S, P95_S = 0.06, 0.12
STALLED_P95_S = 0.45
"""The monitor notices a stall only when strong sound is due, and locates the sound again 0.3 s
after the stall."""
TONES = "tones"
"""The voice whose sounds are periodic, so that their place after a stall is found late."""


def measure(sound: AlteredSound) -> tuple[str, np.ndarray]:
    """Play one sound to the monitor.

    Args:
        sound: The sound.

    Returns:
        The fault of the worker, empty if there is none, and the errors of the position in seconds.
    """
    heard = np.frombuffer(sound.heard, "<i2")
    late = np.concatenate((np.zeros(round(LINE_S * HEARD_HZ)), heard))
    playing = MonitoredTake(sound.pushed, late)
    times_s, positions_s, fault = [], [], ""
    while not playing.take.state.final and playing.elapsed_s < len(late) / HEARD_HZ and not fault:
        fault = playing.step()
        times_s.append(playing.elapsed_s - LINE_S)
        positions_s.append(playing.take.position_s)
    heard_s = sound.positions_at(np.array(times_s))
    first = np.argmax(heard_s > 0) + round(STARTED_S / 0.02)
    return fault, (np.array(positions_s) - heard_s)[first:-5]


def most_error_s(name: str) -> float:
    """Return the limit of the 95th percentile of a sound's position errors.

    Args:
        name: The name of the sound.

    Returns:
        The limit in seconds.
    """
    if "greeting" in name or name.endswith(WITHOUT_WAVEFORM):
        return math.inf  # docs/monitor.md describes both limits
    if "stalls" in name or "many" in name:
        return math.inf if name.startswith(TONES) else STALLED_P95_S
    return P95_S


def run(duration_s: float) -> bool:
    """Print the result of each sound.

    Args:
        duration_s: Seconds of each sound.

    Returns:
        Whether all results are within the limits.

    Raises:
        FileNotFoundError: A voice is not installed on this machine.
    """
    good, minutes, spent_s = True, 0.0, 0.0
    print(f"{'median':>7} {'p95':>6} {'ahead':>6} (ms)")
    for sound in altered_sounds(duration_s):
        if sound.name == f"{TONES}, {WITHOUT_WAVEFORM}":
            continue  # in another voice, a word tone resembles other word tones
        began = time.process_time()
        fault, errors_s = measure(sound)
        spent_s += time.process_time() - began
        median_s, p95_s = np.median(np.abs(errors_s)), np.percentile(np.abs(errors_s), 95)
        fits = not fault and (median_s <= MEDIAN_S) and p95_s <= most_error_s(sound.name)
        good = good and fits
        figures = f"{1000 * median_s:7.0f} {1000 * p95_s:6.0f} {1000 * errors_s.max():6.0f}"
        print(f"{figures}  {'' if fits else 'FAILED: '}{sound.name} {fault}", flush=True)
        minutes += len(sound.heard) / 2 / HEARD_HZ / 60
    print(f"{minutes:.1f} minutes of sound; {spent_s / minutes / 0.6:.1f} % of a core")
    return good


def main() -> None:
    """Run, and exit with status 1 if a limit is missed or a voice is missing."""
    if missing_voices():
        sys.exit(install_hint())
    sys.exit(0 if run(float(sys.argv[1]) if len(sys.argv) > 1 else 33.0) else 1)


if __name__ == "__main__":
    main()
