"""The virtual clock: an hour of conversation in seconds, and the same times at every run.

On a `VirtualLoop` nothing waits for a timer: when there is nothing to do, the clock jumps to the
next one. While such a loop runs, all clocks that code on it may read follow it:

- `asyncio`'s timers and `loop.time()`, from 0;
- `time.time`, `time.time_ns`, `time.monotonic`, `time.monotonic_ns`, also where a module outside
  the standard library imported them by name;
- fields of pydantic models and of dataclasses whose default is one of these functions, such as
  `created_at` of livekit-agents' chat items and events.

`time.perf_counter` and `datetime` keep the true time. livekit-agents 1.8.9 measures with the first
how long models take, for example `llm_node_ttft`, and reads the second for telemetry and tokens.

Threads do not work under virtual time. They read the true clocks. While a loop waits for the work
of an executor, for example in `asyncio.to_thread`, virtual time stands still until the work ends or
the loop's next timer is due in true time. For whatever else is outside the loop, such as a thread
of one's own, a process, or a connection to one, the loop does not wait at all.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple
from unittest.mock import patch
from weakref import WeakSet

from avatar_core.testing.time_references import References

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH_S = 4_102_444_800.0
"""Unix time at a loop's 0: the beginning of 2100, later than whatever was made in true time."""
TICK_NS = 1_000
"""The clock counts whole ticks, so that sums of times are exact."""
READING_NS = 500
"""Between two readings of the unix time at one instant; a `float` of it can hold no less."""
SECOND_NS = 1_000_000_000


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual loop of its own, as `asyncio.run` does on a real one.

    Args:
        main: What to run. Its loop begins at 0 s.

    Returns:
        What the coroutine returns.

    Raises:
        RuntimeError: A loop is running already.
    """
    if asyncio._get_running_loop() is not None:
        main.close()
        raise RuntimeError(
            "An event loop is already running in this thread. Await the coroutine instead."
        )
    with _clocks, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now() -> float:
    """Seconds on the running loop."""
    return asyncio.get_running_loop().time()


def block(duration_s: float) -> None:
    """Let time pass in which the loop does not run, as a slow synchronous call does.

    Args:
        duration_s: Seconds of virtual time.

    Raises:
        RuntimeError: The running loop is not virtual.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise RuntimeError(
            "This event loop runs in real time. Mark the test with @pytest.mark.virtual_time."
        )
    loop.advance(duration_s)


@contextmanager
def make_loops_by(factory: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[None]:
    """Let `asyncio.new_event_loop` make other loops, also for `asyncio.run` and `asyncio.Runner`.

    Args:
        factory: What makes them, `VirtualLoop` for example.
    """
    with (
        patch.object(asyncio, "new_event_loop", factory),
        patch.object(asyncio.events, "new_event_loop", factory),
    ):
        yield


def refuse_other_clocks() -> None:
    """Check that the clocks of `time` follow the running loop, if its time jumps.

    Raises:
        RuntimeError: looptime moves the loop's time, and that alone.
    """
    if getattr(asyncio.get_running_loop(), "looptime_on", False):
        raise RuntimeError(
            "The plugin looptime changes the time of the event loop, but not time.time, which "
            "AgentSession reads. A conversation would hang, or its history would be out of order. "
            "Use @pytest.mark.virtual_time instead of @pytest.mark.looptime."
        )


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps from timer to timer; see this module's page."""

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        self._last_reading_ns = 0
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.time_ns() / SECOND_NS

    def time_ns(self) -> int:
        """Virtual nanoseconds since the loop was made."""
        return self._clock.ticks * TICK_NS

    def unix_time_ns(self) -> int:
        """Virtual nanoseconds since 1970.

        Each reading is later than the one before, by half a microsecond where no time has passed:
        what happens at one instant keeps its order in a chat history, as in true time.
        """
        at_ns = round(EPOCH_S) * SECOND_NS + self.time_ns()
        self._last_reading_ns = max(self._last_reading_ns + READING_NS, at_ns)
        return self._last_reading_ns

    def advance(self, duration_s: float) -> None:
        """Let time pass.

        Args:
            duration_s: Seconds.
        """
        self._clock.advance(duration_s)

    def run_forever(self) -> None:
        """Run, while the clocks of `time` follow this loop."""
        with _clocks:
            super().run_forever()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run on a thread, in true time."""
        future = super().run_in_executor(executor, func, *args)
        self._clock.threads.add(future)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Join the executor's threads, however long it takes: a deadline would pass at once."""
        await super().shutdown_default_executor()


class _JumpingSelector(selectors.DefaultSelector):
    """Looks for I/O, and lets virtual time pass instead of waiting for it.

    Attributes:
        ticks: The time.
        threads: Work of executors that is awaited.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.threads: WeakSet[asyncio.Future[Any]] = WeakSet()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or any(not future.done() for future in self.threads):
            ready = super().select(timeout)
        if timeout is not None and not ready:
            self.advance(timeout)
        return ready

    def advance(self, duration_s: float) -> None:
        # Less than a tick still has to pass, or the loop would turn for ever.
        self.ticks += round(duration_s * SECOND_NS / TICK_NS) or int(duration_s > 0)


class _Clocks:
    """Replaces the functions of `time`, wherever they are held, while a virtual loop runs.

    The replacements decide at each call: on a running virtual loop they read its clock, elsewhere,
    also on other threads, the true one. So it does no harm to keep one of them.
    """

    def __init__(self) -> None:
        self._references = References(
            {
                time.time: _follow(time.time, lambda loop: loop.unix_time_ns() / SECOND_NS),
                time.time_ns: _follow(time.time_ns, VirtualLoop.unix_time_ns),
                time.monotonic: _follow(time.monotonic, VirtualLoop.time),
                time.monotonic_ns: _follow(time.monotonic_ns, VirtualLoop.time_ns),
            }
        )
        self._lock = threading.Lock()
        self._loops = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._loops:
                self._references.replace()
            self._loops += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._loops -= 1
            if not self._loops:
                self._references.restore()


def _follow(
    true: Callable[[], float], virtual: Callable[[VirtualLoop], float]
) -> Callable[[], float]:
    def read() -> float:
        loop = asyncio._get_running_loop()
        return virtual(loop) if isinstance(loop, VirtualLoop) else true()

    return read


_clocks = _Clocks()
