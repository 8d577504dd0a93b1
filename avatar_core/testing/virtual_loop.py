"""The virtual event loop, and the clocks that follow its time.

A `VirtualLoop` does not wait for timers: when no callback is ready, the clock jumps to the next
timer. While such a loop runs, all clocks that code on the loop may read follow the loop's time:

- `asyncio`'s timers and `loop.time()`, from 0;
- `time.time`, `time.time_ns`, `time.monotonic`, `time.monotonic_ns`, also where a module outside
  the standard library imported them by name;
- fields of pydantic models and of dataclasses whose default is one of these functions, such as
  `created_at` of livekit-agents' chat items and events.

`time.perf_counter` and `datetime` keep the true time. livekit-agents 1.8.9 uses `perf_counter` to
measure how long models take, for example `llm_node_ttft`, and `datetime` for telemetry and tokens.

Threads do not work under virtual time, because they read the true clocks. While a loop waits for
the work of an executor, for example in `asyncio.to_thread`, virtual time stands still until the
work ends or the loop's next timer is due in true time. The loop does not wait for anything else
outside of it, such as a thread that the test starts, a process, or a connection to a process.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from avatar_core.testing.time_references import References

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH_S = 4_102_444_800.0
"""Unix time at loop time 0: the start of the year 2100, later than any true time of the test."""
TICK_NS = 1_000
"""The clock counts whole ticks, so that sums of times are exact."""
READING_NS = 500
"""Least difference between two readings of the Unix time; a `float` cannot hold a smaller one."""
SECOND_NS = 1_000_000_000
JUMPS = 64
"""The loop looks for signals and for callbacks of threads after this number of jumps."""
RESOLUTION_S = 1e-6
"""A timer that is due within this time is due now; true clocks have a resolution of 1 ns."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps from timer to timer; see the docstring of this module."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        self._clock = _JumpingSelector()
        self._last_reading_ns = 0
        self._unix_step_ns = 0
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the virtual time of the loop.

        Returns:
            Seconds since the loop was created.
        """
        return self._clock.now_s

    def time_ns(self) -> int:
        """Return the virtual time of the loop in nanoseconds.

        Returns:
            Nanoseconds since the loop was created.
        """
        return self._clock.ticks * TICK_NS

    def unix_time_ns(self) -> int:
        """Return the virtual Unix time, which is later at each call.

        If no virtual time has passed since the last call, the result is half a microsecond later.
        The events of one instant therefore keep their order in a chat history, as they do with the
        real clock.

        Returns:
            Nanoseconds since 1970.
        """
        at_ns = round(EPOCH_S) * SECOND_NS + self.time_ns() + self._unix_step_ns
        self._last_reading_ns = max(self._last_reading_ns + READING_NS, at_ns)
        return self._last_reading_ns

    def step_unix_time(self, step_s: float) -> None:
        """Change the virtual Unix time, but not the time of the loop.

        Args:
            step_s: Seconds; below 0 the Unix time goes back.
        """
        self._unix_step_ns += round(step_s * SECOND_NS)
        self._last_reading_ns = 0

    def advance(self, duration_s: float) -> None:
        """Advance the virtual time without running the loop.

        Args:
            duration_s: Seconds.
        """
        self._clock.advance(duration_s)

    def run_forever(self) -> None:
        """Run the loop until `stop` is called, with the clocks of the module `time` replaced."""
        with CLOCKS:
            super().run_forever()

    def _run_once(self) -> None:
        """Run the callbacks that are ready; look at timers and files only if they can be ready.

        The base class looks at both before each batch of callbacks, which takes most of the CPU
        time of a conversation. Virtual time does not pass while a callback is ready.
        """
        ready, timers, clock = self._ready, self._scheduled, self._clock
        is_timer_due = bool(timers) and timers[0].when() <= clock.now_s + RESOLUTION_S
        if not ready or is_timer_due or clock.may_be_ready or self.get_debug():
            super()._run_once()  # type: ignore[misc]
            return
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run a function in a thread, in true time; virtual time stands still while the loop waits.

        Args:
            executor: The executor; None for the loop's default executor.
            func: The function.
            args: The arguments of the function.

        Returns:
            A future of the function's result.
        """
        future = super().run_in_executor(executor, func, *args)
        self._clock.threads.add(future)
        future.add_done_callback(self._clock.threads.discard)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait without a limit for the threads of the default executor to end.

        Args:
            timeout: Ignored, because a timeout in virtual time would pass at once.
        """
        await super().shutdown_default_executor()


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that advances virtual time instead of waiting for a timer.

    Attributes:
        ticks: The virtual time, in ticks of `TICK_NS`.
        now_s: The virtual time in seconds.
        threads: The futures of the executors' work that the loop waits for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0
        self.now_s = 0.0
        self.threads: set[asyncio.Future[Any]] = set()
        self._files = self._jumps = 0

    @property
    def may_be_ready(self) -> bool:
        """Whether a file may be ready: the loop watches more than its own pipe, or a thread works.

        The pipe wakes the loop for a thread. A thread also adds its callback to those that are
        ready, so a loop that does not wait can read the pipe later.
        """
        return self._files > 1 or bool(self.threads)

    def register(self, *args: Any, **named: Any) -> selectors.SelectorKey:
        """Watch a file, as in `selectors.BaseSelector`.

        Args:
            args: The arguments of the base class.
            named: The named arguments of the base class.

        Returns:
            The key of the file.
        """
        key = super().register(*args, **named)
        self._files += 1
        return key

    def unregister(self, *args: Any) -> selectors.SelectorKey:
        """Stop to watch a file, as in `selectors.BaseSelector`.

        Args:
            args: The arguments of the base class.

        Returns:
            The key of the file.
        """
        key = super().unregister(*args)
        self._files -= 1
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the files that are ready; if there are none, advance the time by `timeout`.

        While a thread of an executor works, or if `timeout` is None, the method waits in true time.

        Args:
            timeout: Seconds of virtual time until the next timer; None if there is no timer.

        Returns:
            The keys and events of the files that are ready, as in `selectors.BaseSelector`.
        """
        self._jumps += 1
        if timeout is not None and not self.may_be_ready and self._jumps % JUMPS:
            if timeout > 0:
                self.advance(timeout)
            return []
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or any(not future.done() for future in self.threads):
            ready = super().select(timeout)
        if timeout is not None and not ready:
            self.advance(timeout)
        return ready

    def advance(self, duration_s: float) -> None:
        """Advance the virtual time by whole ticks, at least by one if `duration_s` is above 0.

        Args:
            duration_s: Seconds of virtual time.
        """
        # A timer less than a tick away needs one tick, or the loop would never reach it.
        self.ticks += round(duration_s * SECOND_NS / TICK_NS) or int(duration_s > 0)
        self.now_s = self.ticks * TICK_NS / SECOND_NS


class _Clocks:
    """Replaces the clock functions of the module `time` while a virtual loop runs.

    The replacements check the running loop at each call: on a virtual loop they return its time,
    elsewhere, also on other threads, the true time. So code may keep a replacement after the loop
    has ended.
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
        """Return the virtual time on a virtual loop, and the true time elsewhere.

        Returns:
            The time, in the unit of the replaced function.
        """
        loop = asyncio._get_running_loop()
        return virtual(loop) if isinstance(loop, VirtualLoop) else true()

    return read


CLOCKS = _Clocks()
"""Replaces the system clocks. All virtual loops share this object."""
