"""Judges the signs of life of a worker: a heartbeat that stopped, or messages without a rhythm."""

from __future__ import annotations

import math

from avatar_core.contracts.playback import Take

HEARTBEAT_LOST_S = 0.35
"""A worker is lost if no report arrives for this many seconds. The limit tolerates two missing
reports in a row, or one report that is 0.2 s late."""
MISSING_BEATS, LOSSY_BEATS = 3.3, 6.3
"""Limits as multiples of the interval between two reports. The first limit replaces
`HEARTBEAT_LOST_S` for a worker with a long interval. The second limit applies to every worker while
the line loses packets: at 5 % packet loss, six reports in a row are missing once in a thousand
hours of speech."""
LATE_BEATS = 1.8
"""A report is missing if the next one arrives later than this number of intervals."""
LOSSY_S = 30.0
"""After a missing report, the line counts as losing packets for this many seconds of speech."""

PLAYING_GAP_S = 0.25
"""Signs of life within a take are regular if each follows the previous one within this time."""
PLAYING_BEATS = 5
"""The number of regular signs of life in a row that count as a heartbeat for the rest of a take."""
IDLE_GAP_S = 1.2
"""Signs of life between two takes are regular if they are at most this number of seconds apart."""
IDLE_BEATS = 3
"""The number of regular signs of life in a row, between two takes, that count as a heartbeat. The
heartbeat counts until a sign of life arrives late."""
SETTLED_S = 1.0
"""Seconds after a take in which messages may still report the take and are not a heartbeat. A
declared heartbeat that stopped in the take is remembered for the same time."""


class Heartbeat:
    """Counts the time without a sign of life, and knows whether signs of life must be regular.

    Signs of life must be regular if the tracker declares `PlaybackTracker.heartbeat_s`. Without a
    declaration, avatar-core relies on signs of life only after they have been regular, because a
    worker may send messages only when its state changes.

    Args:
        declared_s: The attribute `heartbeat_s` of the tracker; None if the tracker declares none.
    """

    def __init__(self, declared_s: float | None = None) -> None:
        self._declared = declared_s is not None
        self._interval_s = declared_s or math.inf
        self._least_limit_s = max(HEARTBEAT_LOST_S, MISSING_BEATS * (declared_s or 0.0))
        self._complete_s = LOSSY_S
        self._playing_in: Take | None = None
        self._take: Take | None = None
        self._alive_at: float | None = None
        self._gap_s = self._silent_s = self._rest_s = 0.0
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

    @property
    def _limit_s(self) -> float:
        """Seconds without a sign of life after which the worker is lost."""
        if self._complete_s >= LOSSY_S:
            return self._least_limit_s
        return max(self._least_limit_s, LOSSY_BEATS * self._interval_s)

    @property
    def left_s(self) -> float:
        """Seconds without a sign of life until the worker is lost."""
        return self._limit_s - self._silent_s

    def observe(
        self, alive_at: float | None, take: Take | None, tick_s: float, age_s: float
    ) -> None:
        """Learn from the tracker's `alive_at`; call it at every tick.

        Args:
            alive_at: The time of the last sign of life.
            take: The take on the transport, if any.
            tick_s: Seconds since the last call.
            age_s: Seconds since the last sign of life, at most `tick_s`; `count_silence_s` with the
                same tick then counts from this sign.
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
        self._note_missing(alive_at, take)
        self._alive_at, self._gap_s, self._silent_s = alive_at, 0.0, age_s - tick_s

    def _note_missing(self, alive_at: float | None, take: Take | None) -> None:
        """Record whether a report was missing since the last sign of life.

        Before a worker plays the take, it sends reports less often, so those gaps do not count.
        """
        if take is not None and take is self._playing_in and alive_at and self._alive_at:
            gap_s = alive_at - self._alive_at
            is_complete = gap_s <= LATE_BEATS * self._interval_s
            self._complete_s = self._complete_s + gap_s if is_complete else 0.0
        self._playing_in = take if take is not None and take.position_s > 0 else None

    def rest(self, tick_s: float) -> None:
        """Interrupt the count, because no sign of life is due at the moment.

        If the heartbeat is declared, the count goes on when the next take begins soon. A dead
        worker is therefore lost as quickly while each of its takes is interrupted.

        Args:
            tick_s: Seconds since the last tick.
        """
        self._rest_s += tick_s
        if not self._declared or self._rest_s > SETTLED_S:
            self._silent_s = 0.0

    def count_silence_s(self, tick_s: float) -> float:
        """Count a tick in which a sign of life of the worker is due.

        Args:
            tick_s: Seconds since the last tick.

        Returns:
            Seconds without a sign of life if they exceed the limit, otherwise 0.
        """
        self._silent_s += tick_s
        self._rest_s = 0.0
        return self._silent_s if self._silent_s > self._limit_s else 0.0


def _is_heard(take: Take | None) -> bool:
    return take is None or (take.ended and take.unheard_s <= 0)
