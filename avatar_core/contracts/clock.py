"""The clock that all decisions use: the running loop's time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Clock = Callable[[], float]
"""Monotonic seconds. Everything that decides takes one, so that tests own the time."""


def loop_time() -> float:
    """Seconds on the running loop's clock; virtual wherever the loop's time is."""
    return asyncio.get_running_loop().time()
