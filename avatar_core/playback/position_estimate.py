"""An estimate of the position of a worker that does not report positions."""

from __future__ import annotations

import math

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import Take
from avatar_core.playout import PlayoutClock

START_GRACE_S = 1.0
"""Seconds after the latency for which the estimate waits for the report that playback started."""
MOST_LATENCY_S = 10.0
"""The longest latency in seconds that the estimate accepts."""


class PositionEstimate:
    """An estimate of the position, which learns the latency of the worker from its RPCs.

    The estimate assumes that the worker plays in real time, and that a listener hears audio a fixed
    latency after the push. The assumed latency is never less than the declared latency, because a
    worker may report that playback starts before a listener can hear it.

    Args:
        latency_s: Declared seconds from a push until a listener hears the audio.
        clock: Returns monotonic seconds.
        reports_started: Whether the worker reports the start of its playback, so that nothing was
            heard before the report.

    Attributes:
        latency_s: Seconds from a push until a listener hears the audio, as far as the estimate has
            learnt them.
        silent_until: The clock time until which the worker plays silence before the next take.
    """

    def __init__(
        self, latency_s: float, clock: Clock = loop_time, *, reports_started: bool = False
    ) -> None:
        self._declared_s = self.latency_s = latency_s
        self._clock = clock
        self._reports_started = reports_started
        self._playout = PlayoutClock(clock)
        self._take: Take | None = None
        self._counted_s = self._first_at = 0.0
        self._started = False
        self.silent_until = -math.inf

    @property
    def end_at(self) -> float:
        """The estimated clock time at which all audio of the current take was heard."""
        return self._playout.empty_at

    def position_s(self, take: Take) -> float:
        """Estimate the seconds of a take that a listener has heard.

        Audio that was pushed since the last call counts as pushed now, so frequent calls make the
        estimate more accurate.

        Args:
            take: The take that is on the transport.

        Returns:
            The estimated position in seconds.
        """
        now = self._clock()
        if take is not self._take:
            self._take, self._counted_s, self._first_at = take, 0.0, now
            self._playout = PlayoutClock(self._clock)
            self._playout.empty_at = self.silent_until
            self._started = not self._reports_started
        if take.pushed_s > self._counted_s:
            # Audio that enters an empty queue is heard a latency from now, not sooner.
            self._playout.empty_at = max(self._playout.empty_at, now + self.latency_s)
            self._playout.add(take.pushed_s - self._counted_s)
            if self._counted_s == 0:
                # Audio behind silence is as late as audio that is pushed later.
                self._first_at = max(now, self.silent_until - self.latency_s)
            self._counted_s = take.pushed_s
        if not self._started:
            self._started = now >= self._first_at + self.latency_s + START_GRACE_S
            self._playout.empty_at = max(self._playout.empty_at, now + self._counted_s)
            return 0.0
        return max(0.0, self._counted_s - self._playout.queued_s)

    def learn_start(self, take: Take) -> None:
        """Apply the report that the worker starts to play a take now.

        Args:
            take: The take that is on the transport.
        """
        if take is not self._take or self._counted_s == 0:
            return
        self._started = True
        latency_s = self._clock() - self._first_at
        if self.latency_s < latency_s <= MOST_LATENCY_S:
            self.latency_s = latency_s
            self._playout.empty_at = self._clock() + self._counted_s

    def learn_end(self, take: Take, silence_s: float = 0.0) -> None:
        """Apply the report that the worker has played all of a take, also if it arrives late.

        Args:
            take: The last take, whose audio was all pushed and which was not cut.
            silence_s: Seconds of silence that the worker has played after the audio of the take.
        """
        if take is self._take and self._counted_s > 0:
            late_s = self._clock() - self._playout.empty_at - silence_s
            latency_s = max(self._declared_s, self.latency_s + late_s)
            if latency_s <= MOST_LATENCY_S:
                self.latency_s = latency_s
