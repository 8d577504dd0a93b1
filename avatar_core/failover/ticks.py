"""The times at which the health check judges a worker: rarely while its reports arrive."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from avatar_core.playback.transport import Transport

TICK_S = 0.025
"""Seconds between two checks of a worker that may soon be lost."""
SLOW_TICK_S = 0.1
"""Seconds between two checks of a worker whose reports arrive or whose sound is heard, and of other
workers between two takes."""
NEAR_S = 0.1
"""Seconds before a limit in which the check uses short ticks. After a pause of this process, the
agent therefore reads the reports that have arrived before it reaches a limit."""
LEAST_TICK_S = 0.001


class Ticks:
    """Waits between the checks of one transport.

    Args:
        transport: The transport to the worker.

    Attributes:
        waited_s: Seconds from the begin to the end of the last wait.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._woken = asyncio.Event()
        self._next_s = TICK_S
        self.waited_s = 0.0

    @property
    def _has_interval(self) -> bool:
        """Whether the tracker declares an interval, so that the check need not find it out."""
        return self._transport.heartbeat_s is not None and not self._transport.collects

    @property
    def is_steady(self) -> bool:
        """Whether the worker sends reports at a declared interval, and no monitor listens."""
        transport = self._transport
        return self._has_interval and not transport.monitor and not transport.tracker.is_estimate

    def wake(self) -> None:
        """End the current tick, because the worker has changed."""
        self._woken.set()

    async def wait(self) -> float:
        """Wait until the next check. A check of a steady worker without a take is not necessary.

        Returns:
            The seconds that the check counts: at most the length of the tick, so that a pause of
            this process does not look like a dead worker.
        """
        loop = asyncio.get_running_loop()
        began_at, tick_s = loop.time(), self._next_s
        if self._transport.take is None:
            tick_s = SLOW_TICK_S if self._has_interval else TICK_S
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self.is_steady else tick_s):
                    await self._transport.wait_for_take()
        else:
            self._woken.clear()
            timer = loop.call_later(tick_s, self._woken.set)
            try:
                await self._woken.wait()
            finally:
                timer.cancel()
        self._next_s = TICK_S
        self.waited_s = loop.time() - began_at
        return min(self.waited_s, tick_s)

    def slow_down(self, left_s: float) -> None:
        """Make the next tick long if no limit is near.

        Args:
            left_s: The seconds until the worker is lost if it does nothing.
        """
        is_near = left_s <= SLOW_TICK_S + NEAR_S
        self._next_s = TICK_S if is_near else SLOW_TICK_S
        if left_s > 0:  # the check after the limit is not late
            self._next_s = min(self._next_s, left_s + LEAST_TICK_S)

    def age_s(self, tick_s: float) -> float:
        """Return the seconds since the last report of a steady worker.

        Args:
            tick_s: Seconds of the last tick.

        Returns:
            The seconds; `tick_s` if the report is older, and for a worker that is not steady.
        """
        alive_at = self._transport.tracker.alive_at
        if alive_at is None or not self.is_steady:
            return tick_s
        return min(tick_s, max(0.0, asyncio.get_running_loop().time() - alive_at))
