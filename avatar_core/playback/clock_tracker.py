"""Positions from a clock: exact where the queue is ours, estimated where nothing reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.playout import PlayoutClock

TICK_S = 0.02
ROUNDING_S = 0.002
SLACK_S = 1.0
"""A finish that a stock worker should send and does not is taken for sent after this."""


class ClockTracker(PlaybackTracker):
    """Reads a position every 20 ms while a take is open.

    Args:
        position_s: Seconds of the take that were heard.
        cut: Whether the take was cut, where the transport knows at once.
        tail_s: From the position's end to the last sound at the listener.
    """

    def __init__(
        self,
        position_s: Callable[[Take], float],
        *,
        cut: Callable[[Take], bool] = lambda _: False,
        tail_s: float = 0.0,
    ) -> None:
        self._position_s = position_s
        self._cut = cut
        self._tail_s = tail_s
        self._task: asyncio.Task[None] | None = None

    def follow(self, take: Take) -> None:
        """Watch this take until it is over."""
        self._stop()
        self._task = asyncio.create_task(self._watch(take), name=f"clock of {take.id}")

    async def aclose(self) -> None:
        """Stop watching."""
        self._stop()

    async def _watch(self, take: Take) -> None:
        tail_s = self._tail_s
        while not take.state.final:
            await asyncio.sleep(TICK_S)
            position_s = self._position_s(take)
            over = take.ended and position_s >= take.pushed_s - ROUNDING_S
            if take.pushed_s > 0 and self._cut(take):
                take.report(position_s, TakeState.CUT)
            elif over and tail_s <= 0:
                take.report(take.pushed_s, TakeState.DONE)
            elif not take.cutting:
                take.report(position_s)
            if over:
                tail_s -= TICK_S

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


class Estimate:
    """Where a worker that says nothing must be: what was pushed, a latency ago, in real time."""

    def __init__(self, latency_s: float, clock: Clock = loop_time) -> None:
        self._latency_s = latency_s
        self._clock = clock
        self._playout = PlayoutClock(clock)
        self._take: Take | None = None
        self._seen_s = 0.0

    def position_s(self, take: Take) -> float:
        """Seconds of the take that should have been heard by now."""
        if take is not self._take:
            self._take, self._seen_s = take, 0.0
            self._playout = PlayoutClock(self._clock)
        if take.pushed_s > self._seen_s:
            # Into an empty queue nothing falls that is heard sooner than a latency from now.
            self._playout.empty_at = max(self._playout.empty_at, self._clock() + self._latency_s)
            self._playout.add(take.pushed_s - self._seen_s)
            self._seen_s = take.pushed_s
        return self._seen_s - self._playout.queued_s
