"""The tracker of a WebSocket: what was heard, from the facts of the vendor or from a clock."""

from __future__ import annotations

import math
from collections.abc import Callable

from avatar_core.bases.socket_messages import SocketFact
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.provider import SinkContext
from avatar_core.playback.byte_stream import MAY_SOUND_S
from avatar_core.playback.clock_tracker import FINISH_GRACE_S, ROUNDING_S, ClockTracker
from avatar_core.playback.position_estimate import PositionEstimate

TOLERANCE_S = 0.5
"""A vendor plays no faster than real time. A position or a finish that leads real time by more is
about an earlier take, or is wrong."""
OVERLONG_S = 0.05
"""Seconds by which a position may exceed the audio that was sent, because vendors round."""


class SocketTracker(PlaybackTracker):
    """Applies the facts of a vendor to the current take.

    Until the vendor reports positions, the tracker estimates the position. While the socket is
    down, the estimate stands still, because the vendor may have stopped. A take whose audio was all
    heard becomes DONE, even if the vendor does not report its end.

    The vendor may play silence after the audio of a take, because the sink has padded the last
    message. The silence counts in no position, and the take becomes DONE without waiting for the
    end of the silence if the positions allow it. The next take waits for the end of the silence.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
        is_down: Returns whether the socket is closed at the moment, or was lost.
    """

    def __init__(self, ctx: SinkContext, is_down: Callable[[], bool]) -> None:
        can = ctx.capabilities
        self._now = ctx.clock
        self._is_down = is_down
        self._followed_at = 0.0
        self._is_heard = self._is_finished = False
        self._padding_s = self._silence_s = 0.0
        self._silent_until = self._earlier_until = -math.inf
        self._alive_at: float | None = None
        self._estimate = PositionEstimate(
            can.playout_latency_s, ctx.clock, reports_started=can.reports_started
        )
        self._tail_s = FINISH_GRACE_S if can.reports_finished else 0.0
        self._clock = ClockTracker(self._estimated_s, tail_s=self._tail_s)
        self.take: Take | None = None
        """The take that the tracker follows; None before the first take."""

    @property
    def alive_at(self) -> float | None:
        """The clock time of the vendor's last position in seconds; None before the first one."""
        return self._alive_at

    @property
    def is_estimate(self) -> bool:
        """Whether positions come from a clock, because the vendor has not reported any."""
        return self._alive_at is None

    @property
    def measured_latency_s(self) -> float:
        """Measured seconds from a push to its sound; 0.0 if the vendor reports positions."""
        return self._estimate.latency_s if self.is_estimate else 0.0

    @property
    def may_sound(self) -> bool:
        """Whether the last take is DONE by an estimate that the vendor did not confirm."""
        take = self.take
        return (
            take is not None
            and take.state is TakeState.DONE
            and not self._is_heard
            and self._now() < self._followed_at + take.pushed_s + MAY_SOUND_S
        )

    def follow(self, take: Take) -> None:
        """Apply the facts that arrive from now on to a take.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        self._earlier_until = self._estimate.silent_until = self._silence_ends_at()
        self._silent_until = -math.inf
        self.take, self._followed_at = take, self._now()
        self._is_heard = self._is_finished = False
        self._padding_s = self._silence_s = 0.0
        self._clock.tail_s = self._tail_s
        self._clock.follow(take)

    def note_padding(self, take: Take, silence_s: float) -> None:
        """Note that the vendor will play silence after a take, or that it drops the silence.

        Args:
            take: The take.
            silence_s: Seconds of silence; 0.0 after a cut.
        """
        if take is self.take:
            self._padding_s = max(self._padding_s, silence_s)
            self._silence_s = silence_s
            self._clock.tail_s = max(0.0, self._tail_s - silence_s)

    async def aclose(self) -> None:
        """Stop following takes; idempotent."""
        self.take = None
        await self._clock.aclose()

    def apply(self, fact: SocketFact) -> bool:
        """Apply a fact to the current take, if the fact can be about that take.

        Args:
            fact: A fact of the kind `started`, `position` or `finished`.

        Returns:
            Whether the fact is possible: False for one that no correct vendor reports.
        """
        take, elapsed_s = self.take, self._now() - self._followed_at
        if take is None or fact.take_id not in ("", take.id) or self._is_of_earlier(fact, take):
            return True
        if take.pushed_s <= 0:
            return True
        position_s, state = fact.position_s, None
        if position_s is not None:
            longest_s = take.pushed_s + self._padding_s + OVERLONG_S
            if not 0 <= position_s <= min(longest_s, elapsed_s + TOLERANCE_S):
                # It may be about an earlier take.
                return not fact.take_id and position_s > elapsed_s
            state = self._state_at(take, position_s)
            position_s = min(position_s, take.pushed_s)
        if fact.kind == "started":
            self._estimate.position_s(take)  # count the audio, before the clock's first tick too
            self._estimate.learn_start(take)
            take.report(state=TakeState.PLAYING)
        elif fact.kind == "position":
            self._alive_at = self._now()
            take.report(position_s, state)
        elif take.cutting:
            take.report(position_s, TakeState.CUT)
        elif take.ended and elapsed_s > take.pushed_s - TOLERANCE_S:
            self._is_heard = self._is_finished = True
            self._estimate.learn_end(take, self._padding_s)
            take.report(take.pushed_s if position_s is None else position_s, TakeState.DONE)
        return True

    def _state_at(self, take: Take, position_s: float) -> TakeState | None:
        """Return DONE if a position is in the silence after the audio of a take, otherwise None."""
        if self._silence_s <= 0 or take.cutting:
            return None
        left_s = take.pushed_s - position_s
        self._silent_until = self._now() + left_s + self._silence_s
        self._is_heard = left_s <= ROUNDING_S
        return TakeState.DONE if self._is_heard else None

    def _silence_ends_at(self) -> float:
        """Return the clock time at which the silence after the last take ends, for the next one."""
        take = self.take
        is_over = take is None or take.state is not TakeState.DONE or self._is_finished
        if is_over or self._silence_s <= 0:
            return -math.inf
        return self._estimate.end_at + self._silence_s if self.is_estimate else self._silent_until

    def _is_of_earlier(self, fact: SocketFact, take: Take) -> bool:
        """Return whether a fact without an id is about the silence before a take."""
        if fact.take_id or take.cutting:
            return False
        if fact.kind == "finished" and self._now() < self._earlier_until + FINISH_GRACE_S:
            self._earlier_until = -math.inf
            return True
        return fact.kind == "position" and self._now() < self._earlier_until

    def _estimated_s(self, take: Take) -> float:
        if self._is_down() or not self.is_estimate:
            return take.position_s
        return self._estimate.position_s(take)
