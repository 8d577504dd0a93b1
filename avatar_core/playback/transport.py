"""A transport in use, who chooses it, and who is told what was heard on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.segment import Segment

SHORT_CHUNK_S, LONG_CHUNK_S = 0.04, 0.1
"""A message: at first what a worker needs for a picture, since a long one doubles the first
sound's latency; longer as more is ahead, for each costs a turn of a loop that may be busy."""


@dataclass(eq=False, kw_only=True)
class Transport:
    """One way to a listener, for the life of a lease.

    Attributes:
        provider: Whose it is, `voice` for the agent's own.
        sink: Carries takes.
        tracker: Says what was heard of them.
        format: The audio it wants, None for a segment's own.
        run_ahead_s: Audio kept on the wire beyond what was heard.
        lost: Why it is gone, once it is.
    """

    provider: str
    sink: AudioSink
    tracker: PlaybackTracker
    format: AudioFormat | None
    run_ahead_s: float
    lost: AvatarError | None = None

    def budget_s(self, take: Take) -> float:
        """How much may be sent now: little at first, then as much as is ahead."""
        size_s = min(max(SHORT_CHUNK_S, take.unheard_s), LONG_CHUNK_S)
        return size_s if take.unheard_s + size_s <= self.run_ahead_s else 0.0


class TransportChooser(Protocol):
    """Which transport the next take goes over."""

    async def at_start(self) -> Transport:
        """The transport of a new segment; may hold the speech for a join, bounded."""

    async def after_loss(self) -> Transport:
        """The transport that goes on with a segment whose transport is gone, at once."""


class Listener(Protocol):
    """Whom the player tells. Every call is made from the loop and must not block."""

    def started(self, segment: Segment, ago_s: float) -> None:
        """The first sound of a segment was heard `ago_s` seconds ago; once a segment."""

    def progressed(self, segment: Segment, ago_s: float, offset_s: float, played_s: float) -> None:
        """A stretch has played, and began to `ago_s` seconds ago; never revised."""

    def finished(self, segment: Segment, interrupted: bool) -> None:
        """A segment is over at `segment.position_s`; exactly once a segment."""

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """No transport is left for the rest of a segment; `finished` follows."""

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """A take reached its final state."""
