"""The clock of a queue that plays audio in real time."""

from __future__ import annotations

from avatar_core.contracts.clock import Clock, loop_time

PLAYOUT_TAIL_S = 0.08
"""Time from an empty native queue to silence at a listener: Opus, the network, a jitter buffer.
A finish that is reported this much later arrives 19 to 41 ms after the last sound (measured)."""


class PlayoutClock:
    """Computes how much audio is left in a queue that plays in real time.

    The time when the queue runs empty is enough to know: the audio left is the time until then,
    and audio put into an empty queue starts at once. The native queue need not be asked.

    Args:
        clock: Returns monotonic seconds.

    Attributes:
        empty_at: Seconds on the clock when the queue runs, or ran, empty.
    """

    def __init__(self, clock: Clock = loop_time) -> None:
        self._clock = clock
        self.empty_at = 0.0

    def add(self, duration_s: float) -> None:
        """Record that audio enters the queue now.

        Args:
            duration_s: Seconds of audio.
        """
        self.empty_at = max(self.empty_at, self._clock()) + duration_s

    def clear(self) -> None:
        """Record that the queue drops all its audio now."""
        self.empty_at = min(self.empty_at, self._clock())

    @property
    def queued_s(self) -> float:
        """Seconds of audio that have not left the queue."""
        return max(0.0, self.empty_at - self._clock())
