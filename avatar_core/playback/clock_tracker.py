"""A tracker that reads positions from a function at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState

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

    Attributes:
        tail_s: As the argument; a change applies to the current take too.
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
        self.tail_s = tail_s
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
        waited_s = 0.0
        while not take.state.final:
            await asyncio.sleep(TICK_S)
            position_s = self._position_s(take)
            at_end = take.ended and position_s >= take.pushed_s - ROUNDING_S
            if take.pushed_s > 0 and self._is_cut(take):
                take.report(position_s, TakeState.CUT)
            elif at_end and waited_s >= self.tail_s:
                take.report(take.pushed_s, TakeState.DONE)
            elif not take.cutting:
                take.report(position_s)
            if at_end:
                waited_s += TICK_S

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
