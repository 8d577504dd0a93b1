"""A tracker of LiveKit's own playback RPCs, which do not name the segment that they are about.

The tracker applies each RPC to the current take if the RPC can be about that take, and ignores it
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.routing import Router

POSITION_TOLERANCE_S = 0.5
"""A worker plays no faster than real time. A finish whose position leads real time by more than
this is about an earlier take."""
IDLE_FINISH_S = 2.0
"""A finish of a stream that is still open counts if the worker has had no audio for this time.
Stock workers wait 10 s before they report such a finish."""


class StockTracker(PlaybackTracker):
    """Receives `lk.playback_started` and `lk.playback_finished` calls of one worker.

    Args:
        router: The router of the agent's room.
        worker: The identity of the worker.
        clock: Returns monotonic seconds.
        on_malformed: Called with the error of each payload that is dropped.
        on_started: Called with the take whose playback the worker reports to start.
        on_finished: Called with the take that the worker reports to have played to its end, also
            if the take is final already.
    """

    def __init__(
        self,
        router: Router,
        worker: str,
        clock: Clock,
        on_malformed: Callable[[WireError], None],
        on_started: Callable[[Take], None] = lambda _: None,
        on_finished: Callable[[Take], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._on_malformed = on_malformed
        self._notify_started = on_started
        self._notify_finished = on_finished
        self._take: Take | None = None
        self._followed_at = 0.0
        self._unsubscribe = (
            router.rpc(wire.PLAYBACK_STARTED, worker, self._on_started),
            router.rpc(wire.PLAYBACK_FINISHED, worker, self._on_finished),
        )

    def follow(self, take: Take) -> None:
        """Apply the RPCs that arrive from now on to a take, if they can be about that take.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        self._take = take
        self._followed_at = self._clock()

    async def aclose(self) -> None:
        """Remove the RPC handlers; idempotent."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _on_started(self, _: str, __: str) -> str:
        if self._take is not None and self._take.pushed_s > 0:
            self._notify_started(self._take)
            self._take.report(state=TakeState.PLAYING)
        return wire.OK

    def _on_finished(self, _: str, payload: str) -> str:
        try:
            finished = wire.Finished.decode(payload)
        except WireError as error:
            self._on_malformed(error)
            return wire.OK
        take = self._take
        if take is not None and take.pushed_s > 0 and self._is_about(take, finished):
            if take.ended and not take.cutting:
                self._notify_finished(take)
            take.report(finished.position_s, TakeState.CUT if take.cutting else TakeState.DONE)
        return wire.OK

    def _is_about(self, take: Take, finished: wire.Finished) -> bool:
        elapsed_s = self._clock() - self._followed_at
        if finished.position_s > min(take.pushed_s, elapsed_s) + POSITION_TOLERANCE_S:
            return False
        if take.cutting or finished.interrupted:
            return take.cutting
        return take.ended or elapsed_s > take.pushed_s + IDLE_FINISH_S
