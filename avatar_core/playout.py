"""The clock of a queue that plays audio in real time."""

from __future__ import annotations

from avatar_core.contracts.clock import Clock, loop_time

PLAYOUT_TAIL_S = 0.08
"""From an empty native queue to silence at a listener: Opus, the network, a jitter buffer.
A finish told this much later lands 19 to 41 ms after the last sound."""


class PlayoutClock:
    """When a queue that plays in real time runs empty, and so what has left it.

    One number, `empty_at`, holds all: what is queued is the time until then, and audio
    put into an empty queue starts at once. No query of the native queue is needed.
    """

    def __init__(self, clock: Clock = loop_time) -> None:
        self._clock = clock
        self.empty_at = 0.0

    def add(self, duration_s: float) -> None:
        """`duration_s` of audio entered the queue just now."""
        self.empty_at = max(self.empty_at, self._clock()) + duration_s

    def clear(self) -> None:
        """Everything queued was dropped just now."""
        self.empty_at = min(self.empty_at, self._clock())

    @property
    def queued_s(self) -> float:
        """Seconds of audio that have not left the queue."""
        return max(0.0, self.empty_at - self._clock())
