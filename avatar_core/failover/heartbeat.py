"""Judges the signs of life of a worker: a heartbeat that stopped, or messages without a rhythm."""

from __future__ import annotations

from avatar_core.contracts.playback import Take

HEARTBEAT_LOST_S = 0.43
"""Time without a report after which a worker is lost. Two reports in a row may be missing: at 1 %
packet loss that happens once in half an hour of speech."""
MISSING_BEATS = 3.3
"""The same in intervals, for a worker whose interval is longer than that of our own."""

PLAYING_GAP_S = 0.25
"""Signs of life that are at most this far apart in a take are regular."""
PLAYING_BEATS = 5
"""So many regular ones in a row count as a heartbeat for the rest of the take."""
IDLE_GAP_S = 1.2
"""Signs of life that are at most this far apart between two takes are regular."""
IDLE_BEATS = 3
"""So many in a row count as a heartbeat until one is late and comes nevertheless."""
SETTLED_S = 1.0
"""Messages in this time after a take may still be about it, so they are no heartbeat."""


class Heartbeat:
    """Counts the time without a sign of life, and knows whether signs of life must be regular.

    They must be if the tracker declares `PlaybackTracker.heartbeat_s`. Otherwise they are believed
    once they were regular, because they may be the times of messages that come when there is
    something to tell.

    Args:
        declared_s: The interval that the tracker declares, if any.
    """

    def __init__(self, declared_s: float | None = None) -> None:
        self._declared = declared_s is not None
        self._limit_s = max(HEARTBEAT_LOST_S, MISSING_BEATS * (declared_s or 0.0))
        self._take: Take | None = None
        self._alive_at: float | None = None
        self._gap_s = self._silent_s = 0.0
        self._idle_s = SETTLED_S
        self._idle_beats = self._playing_beats = 0

    @property
    def is_regular(self) -> bool:
        """Whether a missing sign of life shows that the worker is lost."""
        return (
            self._declared
            or self._idle_beats >= IDLE_BEATS
            or (self._playing_beats >= PLAYING_BEATS and not _is_heard(self._take))
        )

    def observe(self, alive_at: float | None, take: Take | None, tick_s: float) -> None:
        """Learn from the tracker's `alive_at`; call it at every tick.

        Args:
            alive_at: The time of the last sign of life.
            take: The take on the transport, if any.
            tick_s: Seconds since the last call.
        """
        if take is not self._take:
            self._take, self._playing_beats, self._idle_s = take, 0, 0.0
        self._gap_s += tick_s
        self._idle_s += tick_s
        if alive_at == self._alive_at:
            return
        if take is not None:
            is_next = self._gap_s <= PLAYING_GAP_S
            self._playing_beats = self._playing_beats + 1 if is_next else 1
        elif self._idle_s >= SETTLED_S:
            is_next = self._gap_s <= IDLE_GAP_S
            self._idle_beats = self._idle_beats + 1 if is_next else 1
        self._alive_at, self._gap_s, self._silent_s = alive_at, 0.0, 0.0

    def reset(self) -> None:
        """Reset the count, because the worker owes nothing at the moment."""
        self._silent_s = 0.0

    def count_silence_s(self, tick_s: float) -> float:
        """Count a tick in which the worker owes a sign of life.

        Args:
            tick_s: Seconds since the last tick.

        Returns:
            Seconds of silence once they exceed the limit, otherwise 0.
        """
        self._silent_s += tick_s
        return self._silent_s if self._silent_s > self._limit_s else 0.0


def _is_heard(take: Take | None) -> bool:
    return take is None or (take.ended and take.unheard_s <= 0)
