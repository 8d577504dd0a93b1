"""Judges how a take moves on: a position that stands still or falls behind, a missing end."""

from __future__ import annotations

import logging

from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.transport import Transport

log = logging.getLogger("avatar_core")

STALL_S = 1.0
"""A worker that has unheard audio and plays none of it for so long is lost."""
FOREIGN_STALL_S = 1.15
"""The same for a tracker without a declared heartbeat, which may report one second at a time."""
BEHIND_S = 1.0
"""A worker that is behind real time by its stall limit and this is lost, even if it plays."""
FORGIVEN = 0.05
"""Share of the time by which a worker may be slow for ever; it also repays short stalls."""
DONE_S = 1.2
"""A take of which all was heard counts as done after so long, if nothing reports its end. It is
longer than the wait of `ByteStreamTracker` for the RPC of a stock worker."""
HEARD_S = 0.005
"""So short a remainder cannot be heard."""


class Progress:
    """Follows the position of the take on one transport, tick by tick.

    Args:
        transport: The transport. Where the sink or the tracker is of another package, audio may be
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
        """Reset the counts, because the worker owes nothing at the moment.

        Args:
            is_empty: Whether it has nothing left to play, so that its latency counts again.
        """
        self._still_s = self._behind_s = 0.0
        if is_empty:
            self._has_moved = False

    def count(self, take: Take, tick_s: float) -> str:
        """Count a tick in which the worker owes audio, or the end of the take.

        A take that is heard and whose end is not reported becomes DONE.

        Args:
            take: The take on the transport.
            tick_s: Seconds since the last tick.

        Returns:
            What the worker did wrong once it exceeds a limit, for a sentence; otherwise "".
        """
        if take is not self._take:
            self._take, self._position_s, self._has_moved = take, take.position_s, False
            self._still_s = self._behind_s = self._heard_s = 0.0
        moved_s, self._position_s = take.position_s - self._position_s, take.position_s
        self._still_s = 0.0 if moved_s > 0 else self._still_s + tick_s
        self._behind_s = max(0.0, self._behind_s + tick_s * (1 - FORGIVEN) - moved_s)
        self._has_moved |= moved_s > 0
        if take.ended and take.unheard_s < HEARD_S:
            self._heard_s += tick_s
            if self._heard_s > DONE_S:
                self._complete(take)
            return ""
        latency_s = 0.0 if self._has_moved else self._latency_s
        if self._still_s > self._stall_s + latency_s:
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
