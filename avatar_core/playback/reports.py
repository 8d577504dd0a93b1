"""Our own worker's word: exact positions, states, and with them its heartbeat."""

from __future__ import annotations

from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.link import Router
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState

FASTER_S = 0.1
"""Nobody hears more than the time that has passed; clocks may differ by so much."""


class ReportsTracker(PlaybackTracker):
    """Hears `avatar.report` packets and `avatar.take` calls of one participant."""

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
        self._sequence = -1
        self._alive_at: float | None = None
        self._leave = (
            router.data(wire.REPORT_TOPIC, worker, self._packet),
            router.rpc(wire.TAKE_RPC, worker, self._call),
        )

    @property
    def alive_at(self) -> float | None:
        """Loop time of the last report; None until the worker announced itself by one."""
        return self._alive_at

    def follow(self, take: Take) -> None:
        """Believe reports about this take only."""
        self._take, self._followed_at = take, self._clock()

    async def aclose(self) -> None:
        """Stop listening."""
        for leave in self._leave:
            leave()

    def _packet(self, _: str, payload: bytes) -> None:
        report = self._decode(payload)
        if report is not None and report.sequence > self._sequence:
            self._sequence = report.sequence
            self._believe(report)

    def _call(self, _: str, payload: str) -> str:
        report = self._decode(payload)
        if report is None:
            return wire.REJECT
        self._believe(report)
        return wire.OK

    def _decode(self, payload: bytes | str) -> wire.Report | None:
        try:
            report = wire.Report.decode(payload)
            if report.state is TakeState.LOST:
                raise wire.malformed_message(
                    "a playback report", "says lost, which only the player knows."
                )
        except WireError as error:
            self._malformed(error)
            return None
        return report

    def _believe(self, report: wire.Report) -> None:
        self._alive_at = self._clock()
        take = self._take
        if take is None or report.take_id != take.id:
            return
        elapsed_s = self._clock() - self._followed_at
        if report.position_s > elapsed_s + FASTER_S:
            what = f"{report.position_s:.1f} s heard in {elapsed_s:.1f} s"
            self._malformed(wire.malformed_message(what, "cannot be."))
        else:
            take.report(report.position_s, report.state)
