"""A computation of how much audio is left in a queue that plays in real time."""

from __future__ import annotations

from avatar_core.contracts.clock import Clock, loop_time

PLAYOUT_TAIL_S = 0.08
"""Seconds from an empty audio queue to silence at a listener. Opus, the network and the jitter
buffer cause the delay. With this value, a finish event arrives 19 to 41 ms after the last sound
(measured).
"""


class PlayoutClock:
    """A clock that computes how much audio is left in a queue that plays in real time.

    The owner of the queue reports each change with `add` and `clear`. The clock stores only the
    time at which the queue becomes empty. The audio that is left equals the time until then.

    Args:
        clock: A function that returns monotonic seconds.

    Attributes:
        empty_at: Time on the clock, in seconds, at which the queue becomes or became empty.
    """

    def __init__(self, clock: Clock = loop_time) -> None:
        self._clock = clock
        self.empty_at = 0.0

    def add(self, duration_s: float) -> None:
        """Record that the owner adds audio to the queue now.

        Args:
            duration_s: Duration of the audio in seconds.
        """
        self.empty_at = max(self.empty_at, self._clock()) + duration_s

    def clear(self) -> None:
        """Record that the queue drops all audio now."""
        self.empty_at = min(self.empty_at, self._clock())

    @property
    def queued_s(self) -> float:
        """Seconds of audio that are still in the queue."""
        return max(0.0, self.empty_at - self._clock())
