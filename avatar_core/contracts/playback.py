"""A take is one attempt to play a segment of speech; it records how much audio was heard."""

from __future__ import annotations

import math
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

from avatar_core.contracts.audio import AudioFormat


class TakeState(Enum):
    """The state of a take. A take that is DONE, CUT or LOST has ended.

    Attributes:
        OPEN: No audio of the take has been heard yet.
        PLAYING: The listener hears the take.
        DONE: All audio of the take was heard.
        CUT: An interruption or a pause stopped the take.
        LOST: The transport of the take failed before the take ended.
    """

    OPEN = "open"
    PLAYING = "playing"
    DONE = "done"
    CUT = "cut"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether a take in this state has ended."""
        return self in (TakeState.DONE, TakeState.CUT, TakeState.LOST)


class Take:
    """One attempt to play a segment of speech on one transport, from one offset.

    The player creates the takes. The tracker of the transport reports how much of a take was heard.

    Args:
        segment_id: Number of the segment that the take plays.
        format: Format of the audio that the player sends.
        offset_s: Seconds from the start of the segment to the start of the take.
        on_update: Receives the take after each change of its position, its claim or its state.

    Attributes:
        segment_id: Number of the segment that the take plays.
        id: Random id of 12 hexadecimal digits. Messages between agent and worker contain this id.
        offset_s: Seconds from the start of the segment to the start of the take.
        format: Format of the audio that the player sends.
        pushed_s: Seconds of audio that the player has sent. The player sets this attribute.
        ended: Whether the player has sent all audio of the take. The player sets this attribute.
        confirmed_s: Estimated seconds of the take that were heard when the worker last showed that
            it is alive; None if the worker reports its positions.
        heard_at_most_s: Seconds of the take that can have been heard, according to the monitor;
            None without a monitor. Reports beyond it do not count.
        certain_s: Seconds of the take that were heard at full level, according to the monitor; None
            without a monitor. If packets are missing, a receiver continues the last sound for a
            moment, and so `position_s` can be higher.
        claimed_s: Seconds of the take that were heard according to the least reliable source.
        cutting: Whether the player has begun to stop the take.
        position_s: Seconds of the take that were heard.
        state: The current state of the take.
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
        self.confirmed_s: float | None = None
        self.heard_at_most_s: float | None = None
        self.certain_s: float | None = None
        self.claimed_s = 0.0
        self.cutting = False
        self.position_s = 0.0
        self.state = TakeState.OPEN
        self._on_update = on_update

    @property
    def unheard_s(self) -> float:
        """Seconds of audio that the player has sent and the listener has not heard yet."""
        return self.pushed_s - self.position_s

    def report(self, position_s: float | None = None, state: TakeState | None = None) -> None:
        """Record how much of the take was heard, or a new state of the take.

        Reports may arrive late, twice and in any order. The position of a take never decreases,
        and never exceeds `pushed_s` or `heard_at_most_s`. A take in a final state ignores reports,
        and a take whose audio was not all heard according to the monitor ignores the state DONE. A
        position above 0 changes the state OPEN to PLAYING.

        Args:
            position_s: Seconds of the take that were heard; None and non-finite numbers leave the
                position unchanged.
            state: The new state; None and OPEN report no state.
        """
        if self.state.final:
            return
        before = (self.position_s, self.claimed_s, self.state)
        most_s = self.pushed_s
        if self.heard_at_most_s is not None:
            most_s = min(most_s, self.heard_at_most_s)
            if most_s <= 0 and state is TakeState.PLAYING:
                state = None
            if most_s < self.pushed_s and state is TakeState.DONE:
                state = None
        if position_s is not None and math.isfinite(position_s):
            self.claimed_s = max(self.claimed_s, min(position_s, self.pushed_s))
            self.position_s = max(self.position_s, min(position_s, most_s))
        if state is not None and state is not TakeState.OPEN:
            self.state = state
        elif self.position_s > 0:
            self.state = TakeState.PLAYING
        after = (self.position_s, self.claimed_s, self.state)
        if before != after and self._on_update is not None:
            self._on_update(self)

    def __repr__(self) -> str:
        return (
            f"<Take {self.id} of segment {self.segment_id} from {self.offset_s:.2f} s: "
            f"{self.state.value}, {self.position_s:.2f} of {self.pushed_s:.2f} s>"
        )


class PlaybackTracker(ABC):
    """The interface of a tracker: it finds out how much of a take was heard.

    A tracker calls `Take.report` with positions and with the states DONE and CUT. The player
    reports the state LOST. While audio is unheard, the position must move at least once a second,
    or once in `Capabilities.run_ahead_s` seconds if that is longer. If the position does not change
    for longer, the avatar counts as lost.

    Attributes:
        heartbeat_s: The longest time in seconds between two messages of the worker while audio is
            unheard. An avatar is lost if no message arrives for 0.35 s or for 3.3 times
            `heartbeat_s`, whichever is longer. If a message was missing in the last 30 s of speech,
            the limit is 6.3 times `heartbeat_s`, but at least 0.35 s. None means that the worker
            sends messages without a fixed interval. avatar-core reads the attribute once, before
            the first take.
    """

    heartbeat_s: float | None = None

    @property
    def is_estimate(self) -> bool:
        """Whether positions come from a clock and say nothing about the worker's health."""
        return False

    @property
    def measured_latency_s(self) -> float:
        """Measured seconds from the push of audio to its sound; 0.0 without a measurement."""
        return 0.0

    @property
    def may_sound(self) -> bool:
        """Whether audio of the last take may still be heard, although the take is DONE."""
        return False

    @abstractmethod
    def follow(self, take: Take) -> None:
        """Start reporting the playback of a take, and stop reporting the previous take.

        Args:
            take: The take that begins on the transport.
        """

    @property
    def alive_at(self) -> float | None:
        """Event-loop time in seconds of the last message from the worker; None without messages.

        If the tracker has no `heartbeat_s`, avatar-core ignores this time, also between two takes,
        until the messages have been regular.
        """
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """Stop reporting, and remove all handlers. A second call of this method has no effect."""
