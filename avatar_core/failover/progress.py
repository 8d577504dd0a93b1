"""Detects takes whose position stops, whose position falls behind, or whose end is missing."""

from __future__ import annotations

import logging

from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.transport import Transport

log = logging.getLogger("avatar_core")

STALL_S = 1.0
"""Seconds after which a worker is lost if it plays none of its unheard audio."""
FOREIGN_STALL_S = 1.15
"""The stall limit in seconds of a tracker without a declared heartbeat. Such a tracker may report
only once a second."""
BEHIND_S = 1.0
"""A worker is lost, even while it plays, if it is behind real time by its stall limit and this
number of seconds."""
FORGIVEN = 0.05
"""The share of real time by which a worker may always be slower. After short stalls, the same share
reduces the counted delay."""
DONE_S = 1.2
"""Seconds after which a take whose audio was all heard counts as done without a report of its end.
The time is longer than the wait of `ByteStreamTracker` for the RPC of a stock worker."""
HEARD_S = 0.005
"""Seconds of remaining audio that are too short to be heard."""


class Progress:
    """Follows the position of the take on one transport, tick by tick.

    Args:
        transport: The transport. If another package contains the sink or the tracker, audio may be
            played and reported in pieces as long as the run-ahead.
    """

    def __init__(self, transport: Transport) -> None:
        is_foreign = transport.collects or transport.heartbeat_s is None
        self._stall_s = max(FOREIGN_STALL_S, transport.run_ahead_s) if is_foreign else STALL_S
        self._latency_s = transport.latency_s
        self._take: Take | None = None
        self._position_s = self._still_s = self._behind_s = self._heard_s = 0.0
        self._has_moved = self._warned = False

    def reset(self, *, is_empty: bool) -> None:
        """Reset the counts, because the worker has nothing to play or to report at the moment.

        Args:
            is_empty: Whether the worker has no audio left, so that its latency counts again.
        """
        self._still_s = self._behind_s = 0.0
        if is_empty:
            self._has_moved = False

    @property
    def _most_still_s(self) -> float:
        return self._stall_s + (0.0 if self._has_moved else self._latency_s)

    @property
    def left_s(self) -> float:
        """Seconds until the worker is lost if it plays nothing; 0 if it has nothing to play."""
        if self._heard_s:
            return 0.0
        return min(
            self._most_still_s - self._still_s,
            self._stall_s + BEHIND_S + self._latency_s - self._behind_s,
        )

    def count(self, take: Take, tick_s: float, age_s: float) -> str:
        """Count a tick in which the worker must play audio, or must report the end of the take.

        A take becomes DONE if all its audio was heard and no message reports its end.

        Args:
            take: The take on the transport.
            tick_s: Seconds since the last tick.
            age_s: Seconds since the last report of the worker, at most `tick_s`.

        Returns:
            The fault of the worker as a part of a sentence; empty within the limits.
        """
        if take is not self._take:
            self._take, self._position_s, self._has_moved = take, take.position_s, False
            self._still_s = self._behind_s = self._heard_s = 0.0
        moved_s, self._position_s = take.position_s - self._position_s, take.position_s
        self._still_s = age_s if moved_s > 0 else self._still_s + tick_s
        self._behind_s = max(0.0, self._behind_s + tick_s * (1 - FORGIVEN) - moved_s)
        self._has_moved |= moved_s > 0
        if take.ended and take.unheard_s < HEARD_S:
            self._heard_s += tick_s
            if self._heard_s > DONE_S:
                self._complete(take)
            return ""
        if self._still_s > self._most_still_s:
            return f"played no audio for {self._still_s:.1f} s"
        if self._behind_s > self._stall_s + BEHIND_S + self._latency_s:
            return f"is {self._behind_s:.1f} s behind real time"
        return ""

    def _complete(self, take: Take) -> None:
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        log.log(
            level,
            "All audio of %r was heard, but the tracker did not report DONE within %g s. "
            "avatar-core ends the take. Change the tracker so that it reports DONE: "
            "each turn waits for DONE.",
            take,
            DONE_S,
        )
        take.report(state=TakeState.DONE)
