"""A tracker that reads positions at intervals, and an estimate for workers that do not report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.playout import PlayoutClock

TICK_S = 0.02
"""Seconds between two readings of the position."""
ROUNDING_S = 0.002
"""A position within this distance of the end of a take counts as the end."""
FINISH_GRACE_S = 1.0
"""A take counts as done if the worker does not report its finish for this time after its end."""


class ClockTracker(PlaybackTracker):
    """A tracker that reads the position of the current take from a function every 20 ms.

    Args:
        position_s: Returns the seconds of a take that were heard.
        is_cut: Returns whether the transport has cut a take; by default no take counts as cut.
        tail_s: Seconds from the end of the audio, according to `position_s`, until the take counts
            as done.
    """

    def __init__(
        self,
        position_s: Callable[[Take], float],
        *,
        is_cut: Callable[[Take], bool] = lambda _: False,
        tail_s: float = 0.0,
    ) -> None:
        self._position_s = position_s
        self._is_cut = is_cut
        self._tail_s = tail_s
        self._task: asyncio.Task[None] | None = None

    def follow(self, take: Take) -> None:
        """Report positions of a take until its state is final or another take is followed.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        self._stop()
        self._task = asyncio.create_task(self._watch(take), name=f"clock of {take.id}")

    async def aclose(self) -> None:
        """Stop reading positions; idempotent."""
        self._stop()

    async def _watch(self, take: Take) -> None:
        tail_s = self._tail_s
        while not take.state.final:
            await asyncio.sleep(TICK_S)
            position_s = self._position_s(take)
            at_end = take.ended and position_s >= take.pushed_s - ROUNDING_S
            if take.pushed_s > 0 and self._is_cut(take):
                take.report(position_s, TakeState.CUT)
            elif at_end and tail_s <= 0:
                take.report(take.pushed_s, TakeState.DONE)
            elif not take.cutting:
                take.report(position_s)
            if at_end:
                tail_s -= TICK_S

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


class PositionEstimate:
    """An estimate of the position of a worker that does not report positions.

    The estimate assumes that the worker plays in real time, and that a listener hears audio a fixed
    latency after the push.

    Args:
        latency_s: Seconds from a push until a listener hears the audio.
        clock: Returns monotonic seconds.
    """

    def __init__(self, latency_s: float, clock: Clock = loop_time) -> None:
        self._latency_s = latency_s
        self._clock = clock
        self._playout = PlayoutClock(clock)
        self._take: Take | None = None
        self._counted_s = 0.0

    def position_s(self, take: Take) -> float:
        """Estimate the seconds of a take that a listener has heard.

        Audio that was pushed since the last call counts as pushed now, so frequent calls make the
        estimate more accurate.

        Args:
            take: The take that is on the transport.

        Returns:
            The estimated position in seconds.
        """
        if take is not self._take:
            self._take, self._counted_s = take, 0.0
            self._playout = PlayoutClock(self._clock)
        if take.pushed_s > self._counted_s:
            # Audio that enters an empty queue is heard a latency from now, not sooner.
            self._playout.empty_at = max(self._playout.empty_at, self._clock() + self._latency_s)
            self._playout.add(take.pushed_s - self._counted_s)
            self._counted_s = take.pushed_s
        return self._counted_s - self._playout.queued_s
