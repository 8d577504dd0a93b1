"""Playback truth: one attempt to play a segment, and what is known of it."""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

from avatar_core.contracts.audio import AudioFormat


class TakeState(Enum):
    """OPEN and PLAYING move on; DONE, CUT and LOST are final."""

    OPEN = "open"
    PLAYING = "playing"
    DONE = "done"
    CUT = "cut"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Nothing more can happen to the take."""
        return self in (TakeState.DONE, TakeState.CUT, TakeState.LOST)


class Take:
    """One attempt to play a segment, on one transport, from an offset.

    Attributes:
        segment_id: The segment it plays.
        id: 12 hex digits, the only id on the wire.
        offset_s: Where in the segment it starts.
        format: The audio it is pushed in.
        pushed_s: Seconds pushed so far, set by the player.
        ended: All its audio was pushed, set by the player.
        cutting: A cut was asked for, set by the player.
        position_s: Seconds of the take that were heard, from its own 0.
        state: See `TakeState`.
    """

    def __init__(
        self,
        segment_id: int,
        format: AudioFormat,
        *,
        offset_s: float = 0.0,
        changed: Callable[[Take], None] | None = None,
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
        self._changed = changed

    @property
    def unheard_s(self) -> float:
        """Seconds pushed and not heard yet."""
        return self.pushed_s - self.position_s

    def report(self, position_s: float | None = None, state: TakeState | None = None) -> None:
        """Take in a fact. Facts may come late, twice and in any order.

        The position never falls and stays within what was pushed; after a final state
        the take is deaf; a state never moves back.
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
        if before != (self.position_s, self.state) and self._changed is not None:
            self._changed(self)

    def __repr__(self) -> str:
        return (
            f"<Take {self.id} of segment {self.segment_id} from {self.offset_s:.2f} s: "
            f"{self.state.value}, {self.position_s:.2f} of {self.pushed_s:.2f} s>"
        )


class PlaybackTracker(ABC):
    """How a transport knows what was heard. Its facts go into the take, through `Take.report`.

    It says position, DONE and CUT, and nothing else.
    """

    @abstractmethod
    def follow(self, take: Take) -> None:
        """`take` is the one on the transport from now on."""

    @property
    def alive_at(self) -> float | None:
        """Loop time of the last sign of life, None where the transport gives none."""
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """Stop listening; idempotent."""
