"""A player observer that records the player's events and checks the rules of playback."""

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
"""A cleared segment must finish within this time."""


class PlaybackLaws:
    """Records the events of a player; an event that breaks a rule becomes a fault of the timeline.

    Args:
        timeline: Receives the events and the faults.

    Attributes:
        started_ids: The ids of the segments that started, in order.
        finished_ids: The ids of the segments that finished, in order.
        interrupted: Whether each finished segment was interrupted, by segment id.
        position_s: The last known position of each segment in seconds, by segment id.
        finished_at: The loop time in seconds at which each segment finished, by segment id.
        cleared_at: The loop time in seconds at which the test cleared each segment, by segment id;
            the test sets it.
        progress_s: The total progress of each segment in seconds, by segment id.
        takes: Every take that finished.
        errors: The errors of segments that could not be played.
        segment_finished: An event that is set whenever a segment finishes.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._progress_end_s = 0.0
        self.started_ids: list[int] = []
        self.finished_ids: list[int] = []
        self.interrupted: dict[int, bool] = {}
        self.position_s: dict[int, float] = {}
        self.finished_at: dict[int, float] = {}
        self.cleared_at: dict[int, float] = {}
        self.progress_s: dict[int, float] = {}
        self.takes: list[Take] = []
        self.errors: list[AvatarError] = []
        self.segment_finished = asyncio.Event()

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Check that a segment starts only once, not in the future, and before it finishes.

        Args:
            segment: The segment.
            ago_s: Seconds since the first sound of the segment was heard.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"segment {segment.id} started {ago_s:.3f} s ago")
        if segment.id in self.started_ids or segment.id in self.finished_ids:
            self._timeline.fault(f"segment {segment.id} started twice, or after its finish")
        if ago_s < 0:
            self._timeline.fault(f"segment {segment.id} started in the future")
        self.started_ids.append(segment.id)

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Check that progress moves forward within a take, and stops at the segment's finish.

        Args:
            segment: The segment.
            ago_s: Seconds since the listener began to hear the part.
            offset_s: Seconds from the start of the segment to the part.
            played_s: Seconds of the part.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(
            f"segment {segment.id} played {played_s:.3f} s from {offset_s:.3f}, {ago_s:.3f} s ago"
        )
        if segment.id in self.finished_ids:
            self._timeline.fault(f"segment {segment.id} progressed after its finish")
        if played_s <= 0 or offset_s < self._progress_end_s - EPSILON_S:
            self._timeline.fault(f"progress of segment {segment.id} ran backwards")
        self._progress_end_s = offset_s + played_s
        self.progress_s[segment.id] = self.progress_s.get(segment.id, 0.0) + played_s

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Check that a segment finishes once, in order, in time and at a possible position.

        Args:
            segment: The segment.
            interrupted: Whether the segment ended before all of it was heard.

        Raises:
            LivelockError: The timeline has too many events.
        """
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
        self.segment_finished.set()

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Record the error of a segment for which no transport is left.

        Args:
            segment: The segment.
            error: The reason why no transport can be used.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"segment {segment.id} is unplayable: {error}")
        self.errors.append(error)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Check that a finished take has a final state, and that the position never falls.

        Args:
            segment: The segment that the take played.
            take: The take.
            transport: The transport that played the take.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"finished: {take} on {transport.provider}")
        if not take.state.final:
            self._timeline.fault(f"{take} is finished and its state is not final")
        if segment.position_s < self.position_s.get(segment.id, 0.0):
            self._timeline.fault(f"the position of segment {segment.id} fell")
        self.position_s[segment.id] = segment.position_s
        self._progress_end_s = 0.0
        self.takes.append(take)

    async def wait_finished(self, segment_id: int) -> None:
        """Wait, without a limit, until a segment has finished.

        Args:
            segment_id: The id of the segment.
        """
        while segment_id not in self.finished_ids:
            self.segment_finished.clear()
            await self.segment_finished.wait()
