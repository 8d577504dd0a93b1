"""The default tracker: the best that the worker at the other end gives."""

from __future__ import annotations

import logging

from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import PlaybackTracker, Source, Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.playback.clock_tracker import SLACK_S, ClockTracker, Estimate
from avatar_core.playback.reports import ReportsTracker
from avatar_core.playback.stock_rpcs import StockTracker


class ByteStreamTracker(PlaybackTracker):
    """Reports of our worker, else stock RPCs with the clock's positions between them."""

    def __init__(self, ctx: SinkContext) -> None:
        worker = self._worker = ctx.avatar.listener
        self._reports = ReportsTracker(ctx.router, worker, ctx.clock, self._malformed)
        self._stock = StockTracker(ctx.router, worker, ctx.clock, self._malformed)
        finish_s = SLACK_S if ctx.capabilities.reports_finished else 0.0
        self._estimate = Estimate(ctx.capabilities.playout_latency_s, ctx.clock)
        self._clock = ClockTracker(self._estimated_s, tail_s=finish_s)
        self._log = ctx.log
        self._warned: set[str] = set()

    @property
    def source(self) -> Source:  # type: ignore[override]
        """`exact` once our worker announced itself, else `reported`."""
        return "reported" if self.alive_at is None else "exact"

    @property
    def alive_at(self) -> float | None:
        """Loop time of the worker's last report."""
        return self._reports.alive_at

    def follow(self, take: Take) -> None:
        """Bring the facts of this take home."""
        self._reports.follow(take)
        if self.alive_at is None:
            self._stock.follow(take)
            self._clock.follow(take)

    async def aclose(self) -> None:
        """Stop listening."""
        await self._reports.aclose()
        await self._stock.aclose()
        await self._clock.aclose()

    def _estimated_s(self, take: Take) -> float:
        return self._estimate.position_s(take) if self.alive_at is None else 0.0

    def _malformed(self, error: WireError) -> None:
        """A broken worker sends ten a second: each reason is a warning once."""
        level = logging.DEBUG if error.reason in self._warned else logging.WARNING
        self._warned.add(error.reason)
        self._log.log(level, "A report of %s was dropped: %s", self._worker, error)
