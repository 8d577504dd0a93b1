"""Virtual time: a minute of speech takes milliseconds, and every run is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import looptime
import pytest

T = TypeVar("T")

virtual = pytest.mark.looptime(noop_cycles=0)
"""For a module or a test: its loop jumps from timer to timer."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual loop of its own, for property tests."""
    loop = looptime.new_event_loop(start=0, noop_cycles=0)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


def now() -> float:
    """Seconds on the running loop."""
    return asyncio.get_running_loop().time()


MOST_LINES = 3000


class LivelockError(BaseException):
    """So much happened that no time passes any more; nothing under test may catch it."""


def block(duration_s: float) -> None:
    """Time passes in which the loop does not run, as in a slow synchronous call."""
    loop = asyncio.get_running_loop()
    ticks = "_LoopTimeEventLoop__now"
    setattr(loop, ticks, getattr(loop, ticks) + round(duration_s * 1e6))


class Timeline:
    """What happened when, as text: the first thing to read when a test fails."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults: list[str] = []

    def note(self, what: str) -> None:
        """Something happened."""
        self.lines.append(f"{now():8.3f}  {what}")
        if len(self.lines) > MOST_LINES:
            raise LivelockError

    def fault(self, what: str) -> None:
        """A law was broken. It is kept, not raised: the code under test may catch all."""
        self.note(f"BROKEN: {what}")
        self.faults.append(what)

    def check(self) -> None:
        """Fail with the whole timeline if any law was broken."""
        if self.faults:
            raise AssertionError("\n  ".join([*self.faults[:9], "timeline:", *self.lines[:200]]))
