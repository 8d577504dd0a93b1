"""The clock that time-dependent code reads: the time of the running event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Clock = Callable[[], float]
"""A function that returns monotonic seconds. Tests pass their own clock to control the time."""


def loop_time() -> float:
    """Return the time of the running event loop in seconds.

    A loop in virtual time returns its virtual time.

    Returns:
        Monotonic seconds from an arbitrary start.

    Raises:
        RuntimeError: No event loop is running.
    """
    return asyncio.get_running_loop().time()
