"""A take: one attempt to play a segment, and how much of it was heard."""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

from avatar_core.contracts.audio import AudioFormat


class TakeState(Enum):
    """State of a take; DONE, CUT and LOST are final.

    Attributes:
        OPEN: Nothing of the take was heard yet.
        PLAYING: The take is being heard.
        DONE: All of the take was heard.
        CUT: The take was stopped, because of an interruption or a pause.
        LOST: The transport was lost before the take ended.
    """

    OPEN = "open"
    PLAYING = "playing"
    DONE = "done"
    CUT = "cut"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether the take has ended."""
        return self in (TakeState.DONE, TakeState.CUT, TakeState.LOST)


class Take:
    """One attempt to play a segment on one transport, from one offset.

    Args:
        segment_id: The segment that the take plays.
        format: Format of the audio that is pushed.
        offset_s: Seconds into the segment at which the take starts.
        on_update: Called with the take after each change of its position or state.

    Attributes:
        segment_id: The segment that the take plays.
        id: 12 hex digits, the only id on the wire.
        offset_s: Seconds into the segment at which the take starts.
        format: Format of the audio that is pushed.
        pushed_s: Seconds pushed so far; the player sets it.
        ended: Whether all audio of the take was pushed; the player sets it.
        cutting: Whether the player has begun to cut the take.
        position_s: Seconds of the take that were heard.
        state: The state of the take.
    """

    def __init__(
        self,
        segment_id: int,
        format: AudioFormat,
        *,
        offset_s: float = 0.0,
        on_update: Callable[[Take], None] | None = None,
    ) -> None:
        self.segment_id = segment_id
        self.id = secrets.token_hex(6)
        self.offset_s = offset_s
        self.format = format
        self.pushed_s = 0.0
        self.ended = False
        self.cutting = False
        self.position_s = 0.0
        self.state = TakeState.OPEN
        self._on_update = on_update

    @property
    def unheard_s(self) -> float:
        """Seconds that were pushed and have not been heard yet."""
        return self.pushed_s - self.position_s

    def report(self, position_s: float | None = None, state: TakeState | None = None) -> None:
        """Record how much of the take was heard, or a new state.

        Reports may arrive late, twice and in any order. The position never falls, and never
        exceeds the audio that was pushed. A state never goes back, and reports after a final
        state are ignored. A position above 0 makes an open take PLAYING.

        Args:
            position_s: Seconds of the take that were heard; None or a non-finite number reports
                no position.
            state: The new state; None or OPEN reports no state.
        """
        if self.state.final:
            return
        before = (self.position_s, self.state)
        if position_s is not None and math.isfinite(position_s):
            self.position_s = max(self.position_s, min(position_s, self.pushed_s))
        if state is not None and state is not TakeState.OPEN:
            self.state = state
        elif self.position_s > 0:
            self.state = TakeState.PLAYING
        if before != (self.position_s, self.state) and self._on_update is not None:
            self._on_update(self)

    def __repr__(self) -> str:
        return (
            f"<Take {self.id} of segment {self.segment_id} from {self.offset_s:.2f} s: "
            f"{self.state.value}, {self.position_s:.2f} of {self.pushed_s:.2f} s>"
        )


class PlaybackTracker(ABC):
    """Finds out how much of a take was heard, and reports it with `Take.report`.

    It reports positions, DONE and CUT; LOST is the player's to report. The position must move at
    least once a second while audio is unheard, or once in `Capabilities.run_ahead_s` if that is
    longer. An avatar whose position stands still for longer is lost.

    Attributes:
        heartbeat_s: Longest time in seconds between two signs of life of the worker while audio is
            unheard, whether it plays or not; None if it promises none. An avatar that misses three
            in a row, at least 0.43 s, is lost. It is read once, before the first take.
    """

    heartbeat_s: float | None = None

    @abstractmethod
    def follow(self, take: Take) -> None:
        """Report for this take from now on; it replaces the one before it.

        Args:
            take: The take that begins on the transport.
        """

    @property
    def alive_at(self) -> float | None:
        """Loop time in seconds of the last sign of life of the worker; None if it sends none.

        Signs of life come at regular intervals, also while the worker has nothing to tell. Without
        `heartbeat_s` they are ignored until they were regular, so the time of the last message is
        harmless, and not useful.
        """
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """Stop reporting and end all subscriptions; idempotent."""
