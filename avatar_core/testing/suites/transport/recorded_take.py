"""A take that records the reports of the tracker under test."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now


@dataclass(frozen=True, slots=True)
class ReportCall:
    """One call of `Take.report` by the tracker, before the take had a final state.

    Attributes:
        at_s: The loop time in seconds.
        position_s: The reported position in seconds; None for no position.
        state: The reported state; None for no state.
        pushed_s: Seconds of the take that had been pushed.
    """

    at_s: float
    position_s: float | None
    state: TakeState | None
    pushed_s: float


class RecordedTake(Take):
    """A take that records the calls of `report`.

    Attributes:
        pcm: The audio of the take.
        began_at_s: The loop time at which the take was created, in seconds.
        calls: The calls of `report`, in order. Calls after a final state are not recorded.
        final_at_s: The loop time of the final state, in seconds; None before it.
        ended_event: An event that the take sets when it has a final state.
    """

    def __init__(self, segment_id: int, transport: Transport, pcm: bytes) -> None:
        assert transport.format is not None
        super().__init__(segment_id, transport.format)
        self.pcm = pcm
        self.began_at_s = now()
        self.calls: list[ReportCall] = []
        self.final_at_s: float | None = None
        self.ended_event = asyncio.Event()

    def report(self, position_s: float | None = None, state: TakeState | None = None) -> None:
        """Record a report of the tracker, and apply it to the take.

        Args:
            position_s: Seconds of the take that were heard, or None.
            state: The new state, or None.
        """
        if not self.state.final:
            self.calls.append(ReportCall(now(), position_s, state, self.pushed_s))
        super().report(position_s, state)
        self._note_end()

    def finish(self, state: TakeState) -> None:
        """Set a final state as the player does; the record does not contain this call.

        Args:
            state: The final state. A take that has ended already keeps its state.
        """
        super().report(state=state)
        self._note_end()

    def _note_end(self) -> None:
        if self.state.final and self.final_at_s is None:
            self.final_at_s = now()
            self.ended_event.set()
