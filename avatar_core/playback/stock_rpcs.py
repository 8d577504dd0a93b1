"""A tracker of LiveKit's own playback RPCs, which do not name the segment they are about.

Each RPC is credited to the current take if it can be about that take, and is ignored otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.link import Router
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState

POSITION_TOLERANCE_S = 0.5
"""A worker plays no faster than real time. A finish whose position leads real time by more than
this is about an earlier take."""
IDLE_FINISH_S = 2.0
"""A finish of a stream that is still open is believed when the worker has had nothing to play for
so long. Stock workers wait 10 s."""


class StockTracker(PlaybackTracker):
    """Receives `lk.playback_started` and `lk.playback_finished` calls of one participant.

    Args:
        router: The router of the agent's room.
        worker: The identity of the worker.
        clock: Returns monotonic seconds.
        on_malformed: Takes the error of each payload that is dropped.
    """

    def __init__(
        self,
        router: Router,
        worker: str,
        clock: Clock,
        on_malformed: Callable[[WireError], None],
    ) -> None:
        self._clock = clock
        self._on_malformed = on_malformed
        self._take: Take | None = None
        self._followed_at = 0.0
        self._unsubscribe = (
            router.rpc(wire.PLAYBACK_STARTED, worker, self._on_started),
            router.rpc(wire.PLAYBACK_FINISHED, worker, self._on_finished),
        )

    def follow(self, take: Take) -> None:
        """Credit the RPCs that arrive from now on to `take`, where they can be about it.

        Args:
            take: The take that is on the transport from now on.
        """
        self._take = take
        self._followed_at = self._clock()

    async def aclose(self) -> None:
        """Stop receiving RPCs; idempotent."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _on_started(self, _: str, __: str) -> str:
        if self._take is not None and self._take.pushed_s > 0:
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
            take.report(finished.position_s, TakeState.CUT if take.cutting else TakeState.DONE)
        return wire.OK

    def _is_about(self, take: Take, finished: wire.Finished) -> bool:
        elapsed_s = self._clock() - self._followed_at
        if finished.position_s > min(take.pushed_s, elapsed_s) + POSITION_TOLERANCE_S:
            return False
        if take.cutting or finished.interrupted:
            return take.cutting
        return take.ended or elapsed_s > take.pushed_s + IDLE_FINISH_S
