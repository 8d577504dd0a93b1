"""A tracker of the reports that our own worker sends: positions, states and its heartbeat."""

from __future__ import annotations

from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.routing import Router

CLOCK_TOLERANCE_S = 0.1
"""Seconds by which a position may exceed the time since the start of the take: clocks differ."""


class ReportsTracker(PlaybackTracker):
    """Receives `avatar.report` packets and `avatar.take` calls of one worker.

    Args:
        router: The router of the agent's room.
        worker: The identity of the worker.
        clock: Returns monotonic seconds.
        on_malformed: Called with the error of each message that is dropped.
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
        self._sequence = -1
        self._alive_at: float | None = None
        self._unsubscribe = (
            router.data(wire.REPORT_TOPIC, worker, self._on_packet),
            router.rpc(wire.TAKE_RPC, worker, self._on_call),
        )

    @property
    def alive_at(self) -> float | None:
        """The time of the worker's last report, on the clock; None before the first valid report.

        A malformed report contains no position, but it shows that the worker is alive.
        """
        return self._alive_at

    def follow(self, take: Take) -> None:
        """Pass reports about a take to the take, and ignore reports about other takes.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        self._take, self._followed_at = take, self._clock()

    async def aclose(self) -> None:
        """Remove the message handlers; idempotent."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    def _on_packet(self, _: str, payload: bytes) -> None:
        report = self._decode(payload)
        if report is not None and report.sequence > self._sequence:
            self._sequence = report.sequence
            self._apply(report)

    def _on_call(self, _: str, payload: str) -> str:
        report = self._decode(payload)
        if report is None:
            return wire.REJECT
        self._apply(report)
        return wire.OK

    def _decode(self, payload: bytes | str) -> wire.Report | None:
        try:
            report = wire.Report.decode(payload)
            if report.state is TakeState.LOST:
                raise wire.malformed_message(
                    "a playback report", "has the state `lost`, which only the player may set."
                )
        except WireError as error:
            self._on_malformed(error)
            if self._alive_at is not None:
                self._alive_at = self._clock()
            return None
        return report

    def _apply(self, report: wire.Report) -> None:
        self._alive_at = self._clock()
        take = self._take
        if take is None or report.take_id != take.id:
            return
        elapsed_s = self._clock() - self._followed_at
        if report.position_s > elapsed_s + CLOCK_TOLERANCE_S:
            claim = f"a position of {report.position_s:.1f} s after {elapsed_s:.1f} s"
            self._on_malformed(wire.malformed_message(claim, "is impossible."))
        else:
            take.report(report.position_s, report.state)
