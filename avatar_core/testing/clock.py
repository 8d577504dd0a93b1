"""The virtual clock: runs an hour of conversation in seconds, with the same times in every run.

The module `virtual_loop` describes which clocks are virtual.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest.mock import patch

from avatar_core.testing.virtual_loop import CLOCKS, VirtualLoop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new virtual loop, as `asyncio.run` does on a real loop.

    Args:
        main: The coroutine. The time of the new loop starts at 0 s.

    Returns:
        The result of the coroutine.

    Raises:
        RuntimeError: Another loop is running.
        TypeError: `main` is not a coroutine.
        Exception: Any exception of the coroutine.
    """
    received: object = main
    if not inspect.iscoroutine(received):
        raise TypeError(
            f"`run` needs a coroutine, and received {main!r:.80}. Call the async function: "
            "run(main())."
        )
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError(
            "An event loop is already running in this thread. Await the coroutine instead."
        )
    with CLOCKS, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    """Return the time of the running event loop.

    Returns:
        Seconds, from 0 on a virtual loop.

    Raises:
        RuntimeError: No event loop is running.
    """
    return asyncio.get_running_loop().time()


def block(duration_s: float) -> None:
    """Advance virtual time without running the loop, as a slow synchronous call does.

    Args:
        duration_s: Seconds of virtual time.

    Raises:
        RuntimeError: The running loop is not virtual, or no loop is running.
    """
    _running_virtual_loop().advance(duration_s)


def step_unix_time(step_s: float) -> None:
    """Change the Unix time of the running loop, as a correction of the system clock does.

    The times of `asyncio` and `time.monotonic` do not change.

    Args:
        step_s: Seconds; below 0 the Unix time goes back.

    Raises:
        RuntimeError: The running loop is not virtual, or no loop is running.
    """
    _running_virtual_loop().step_unix_time(step_s)


@contextmanager
def make_loops_by(factory: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[None]:
    """Replace `asyncio.new_event_loop`, which `asyncio.run` also calls, in a `with` block.

    Args:
        factory: Creates each event loop, for example `VirtualLoop`.

    Yields:
        None; the replacement ends with the block.
    """
    with (
        patch.object(asyncio, "new_event_loop", factory),
        patch.object(asyncio.events, "new_event_loop", factory),
    ):
        yield


def refuse_other_clocks() -> None:
    """Check that looptime does not move the time of the running loop.

    Raises:
        RuntimeError: looptime moves the time of the loop, but not the clocks of the module `time`.
    """
    if getattr(asyncio.get_running_loop(), "looptime_on", False):
        raise RuntimeError(
            "The plugin looptime sets the time of the event loop, but not time.time, which "
            "AgentSession reads. A conversation would hang, or its history would be out of order. "
            "Use @pytest.mark.virtual_time instead of @pytest.mark.looptime."
        )


def _running_virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise RuntimeError(
            "This event loop runs in real time. Mark the test with @pytest.mark.virtual_time."
        )
    return loop
