"""The moments of a segment at which tests of the player interrupt it."""

from __future__ import annotations

import pytest

PHASES = {
    "at once": 0.0,
    "as the first chunk is sent": 0.005,
    "before the first sound": 0.04,
    "at the first sound": 0.06,
    "in the middle": 1.0,
    "in a silence": 1.15,
    "as the last chunk was pushed": 1.55,
    "after the last chunk was pushed": 1.9,
    "at the end": 2.045,
}
"""Seconds into a segment of 2 s, on a transport with 50 ms of latency."""
at_every_phase = pytest.mark.parametrize("at_s", PHASES.values(), ids=PHASES.keys())
