"""The clock of all time-dependent decisions: the time of the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Clock = Callable[[], float]
"""Returns monotonic seconds. Time-dependent code takes a clock, so that tests control the time."""


def loop_time() -> float:
    """Return the time of the running event loop in seconds; virtual if the loop's time is virtual.

    Raises:
        RuntimeError: No event loop is running.
    """
    return asyncio.get_running_loop().time()
