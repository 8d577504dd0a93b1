"""The player's listener, which checks as it goes."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import Take
from avatar_core.playback.segment import Segment
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import EPSILON_S
from avatar_core.testing.timeline import Timeline

FINISH_AFTER_CLEAR_S = 1.0


class Recorder:
    """The player's listener: what it was told, and every law of that which was broken."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._told_s: dict[int, float] = {}
        self._progress_end_s = 0.0
        self.started_ids: list[int] = []
        self.finished_ids: list[int] = []
        self.interrupted: dict[int, bool] = {}
        self.position_s: dict[int, float] = {}
        self.finished_at: dict[int, float] = {}
        self.cleared_at: dict[int, float] = {}
        self.errors: list[AvatarError] = []
        self.takes: list[Take] = []
        self.progress_s: dict[int, float] = {}
        self.news = asyncio.Event()

    def started(self, segment: Segment, ago_s: float) -> None:
        self._timeline.note(f"segment {segment.id} started {ago_s:.3f} s ago")
        if segment.id in self.started_ids or segment.id in self.finished_ids:
            self._timeline.fault(f"segment {segment.id} started twice, or after its finish")
        if ago_s < 0:
            self._timeline.fault(f"segment {segment.id} started in the future")
        self.started_ids.append(segment.id)

    def progressed(self, segment: Segment, ago_s: float, offset_s: float, played_s: float) -> None:
        self._timeline.note(
            f"segment {segment.id} played {played_s:.3f} s from {offset_s:.3f}, {ago_s:.3f} s ago"
        )
        if segment.id in self.finished_ids:
            self._timeline.fault(f"segment {segment.id} progressed after its finish")
        if played_s <= 0 or offset_s < self._progress_end_s - EPSILON_S:
            self._timeline.fault(f"progress of segment {segment.id} ran backwards")
        self._progress_end_s = offset_s + played_s
        self.progress_s[segment.id] = self.progress_s.get(segment.id, 0.0) + played_s

    def finished(self, segment: Segment, interrupted: bool) -> None:
        self._timeline.note(
            f"segment {segment.id} finished at {segment.position_s:.3f} of "
            f"{segment.duration_s:.3f}{', interrupted' if interrupted else ''}"
        )
        if segment.id in self.finished_ids:
            self._timeline.fault(f"segment {segment.id} finished twice")
        if self.finished_ids and segment.id != self.finished_ids[-1] + 1:
            self._timeline.fault(f"segment {segment.id} finished out of order")
        if not 0 <= segment.position_s <= segment.duration_s + EPSILON_S:
            self._timeline.fault(f"segment {segment.id} is at {segment.position_s}")
        late_s = now() - self.cleared_at.get(segment.id, now())
        if late_s > FINISH_AFTER_CLEAR_S + EPSILON_S:
            self._timeline.fault(f"segment {segment.id} finished {late_s:.3f} s after its clear")
        if segment.id in self.cleared_at and not interrupted:
            self._timeline.fault(f"segment {segment.id} was cleared and finished as whole")
        self.finished_ids.append(segment.id)
        self.interrupted[segment.id] = interrupted
        self.position_s[segment.id] = segment.position_s
        self.finished_at[segment.id] = now()
        self.news.set()

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        self._timeline.note(f"segment {segment.id} is on_unplayable: {error}")
        self.errors.append(error)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        self._timeline.note(f"over: {take} on {transport.provider}")
        if not take.state.final:
            self._timeline.fault(f"{take} is over and not final")
        if segment.position_s < self.position_s.get(segment.id, 0.0):
            self._timeline.fault(f"the position of segment {segment.id} fell")
        self.position_s[segment.id] = segment.position_s
        self._progress_end_s = 0.0
        self.takes.append(take)

    async def until(self, segment_id: int) -> None:
        """Return once that segment has finished."""
        while segment_id not in self.finished_ids:
            self.news.clear()
            await self.news.wait()
