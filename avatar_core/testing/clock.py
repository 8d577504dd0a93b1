"""Virtual time: an hour of conversation in seconds, and the same at every run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

import looptime

T = TypeVar("T")

EPOCH_S = 1_800_000_000.0
"""Where `time.time` starts: any moment, always the same."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop whose time jumps from timer to timer.

    `time.time` and `time.monotonic` follow the loop: AgentSession reads both
    (livekit-agents 1.8.9, `voice/io.py`, `voice/transcription/synchronizer.py`).
    """
    loop = looptime.new_event_loop(start=0, noop_cycles=0)
    with clocks_of(loop), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


@contextmanager
def clocks_of(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let the wall clocks of `time` follow a loop."""
    with (
        patch.object(time, "time", lambda: EPOCH_S + loop.time()),
        patch.object(time, "monotonic", loop.time),
    ):
        yield
