"""The stock RPCs, which name no segment: each is credited to the take it can mean, or dropped."""

from __future__ import annotations

from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.link import Router
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState

SLACK_S = 0.5
"""A worker plays no faster than real time; one that claims more than this beyond it means
an earlier take."""
PATIENCE_S = 2.0
"""A worker that finishes a stream still open has heard nothing for a while: stock ones 10 s."""


class StockTracker(PlaybackTracker):
    """Hears `lk.playback_started` and `lk.playback_finished` of one participant."""

    def __init__(
        self,
        router: Router,
        worker: str,
        clock: Clock,
        malformed: Callable[[WireError], None],
    ) -> None:
        self._clock = clock
        self._malformed = malformed
        self._take: Take | None = None
        self._followed_at = 0.0
        self._leave = (
            router.rpc(wire.PLAYBACK_STARTED, worker, self._started),
            router.rpc(wire.PLAYBACK_FINISHED, worker, self._finished),
        )

    def follow(self, take: Take) -> None:
        """This take is the one on the transport."""
        self._take = take
        self._followed_at = self._clock()

    async def aclose(self) -> None:
        """Stop listening."""
        for leave in self._leave:
            leave()

    def _started(self, _: str, __: str) -> str:
        if self._take is not None and self._take.pushed_s > 0:
            self._take.report(state=TakeState.PLAYING)
        return wire.OK

    def _finished(self, _: str, payload: str) -> str:
        try:
            finished = wire.Finished.decode(payload)
        except WireError as error:
            self._malformed(error)
            return wire.OK
        take = self._take
        if take is not None and take.pushed_s > 0 and self._means(take, finished):
            take.report(finished.position_s, TakeState.CUT if take.cutting else TakeState.DONE)
        return wire.OK

    def _means(self, take: Take, finished: wire.Finished) -> bool:
        elapsed_s = self._clock() - self._followed_at
        if finished.position_s > min(take.pushed_s, elapsed_s) + SLACK_S:
            return False
        if take.cutting or finished.interrupted:
            return take.cutting
        return take.ended or elapsed_s > take.pushed_s + PATIENCE_S
