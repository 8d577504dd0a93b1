"""Transports: where audio is played, who chooses one, and who observes the player."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.link import Unsubscribe
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.segment import Segment

LossHandler = Callable[[AvatarError], None]

SHORT_CHUNK_S, LONG_CHUNK_S = 0.04, 0.1
"""A message: at first what a worker needs for a picture, since a long one doubles the first
sound's latency; longer as more is ahead, for each costs a turn of a loop that may be busy."""


class Transport:
    """A sink and a tracker to one place where audio is played, for the life of a lease.

    Whoever finds that the transport is lost calls `lose`; everybody else observes it.

    Attributes:
        provider: The provider's name, `voice` for the agent's own voice.
        sink: Carries takes.
        tracker: Learns what was heard of them.
        format: The audio format that the sink wants; None for the segment's own.
        run_ahead_s: Seconds of audio kept in flight beyond what was heard.
        take: The take that is on the transport now, set by the player.
    """

    def __init__(
        self,
        *,
        provider: str,
        sink: AudioSink,
        tracker: PlaybackTracker,
        format: AudioFormat | None,
        run_ahead_s: float,
    ) -> None:
        self.provider = provider
        self.sink = sink
        self.tracker = tracker
        self.format = format
        self.run_ahead_s = run_ahead_s
        self.take: Take | None = None
        self._lost: AvatarError | None = None
        self._observers: list[LossHandler] = []

    @property
    def lost(self) -> AvatarError | None:
        """Why the transport is lost; None while it can be used."""
        return self._lost

    def lose(self, error: AvatarError) -> None:
        """Mark the transport as lost and tell the observers; later calls do nothing.

        Args:
            error: Why.
        """
        if self._lost is None:
            self._lost = error
            observers, self._observers = self._observers, []
            for observer in observers:
                observer(error)

    def on_lost(self, handler: LossHandler) -> Unsubscribe:
        """Call `handler` once, when the transport is lost; at once if it is lost already.

        Args:
            handler: Takes the error. It must not block or raise.

        Returns:
            A function that withdraws the handler.
        """
        if self._lost is not None:
            handler(self._lost)
            return lambda: None
        self._observers.append(handler)
        return lambda: self._observers.remove(handler) if handler in self._observers else None

    def budget_s(self, take: Take) -> float:
        """Return how many seconds may be sent now: few at first, more as more is ahead."""
        size_s = min(max(SHORT_CHUNK_S, take.unheard_s), LONG_CHUNK_S)
        return size_s if take.unheard_s + size_s <= self.run_ahead_s else 0.0


class TransportChooser(Protocol):
    """Chooses the transport of the next take."""

    async def at_start(self) -> Transport:
        """Return the transport of a new segment; may wait, within a limit, for a join."""

    async def after_loss(self) -> Transport:
        """Return, at once, the transport that continues a segment whose transport was lost."""


class PlayerObserver(Protocol):
    """Receives what the player does. Every call comes from the loop and must not block."""

    def started(self, segment: Segment, ago_s: float) -> None:
        """The first sound of a segment was heard `ago_s` seconds ago; once a segment."""

    def progressed(self, segment: Segment, ago_s: float, offset_s: float, played_s: float) -> None:
        """`played_s` seconds from `offset_s` were heard, beginning `ago_s` seconds ago."""

    def finished(self, segment: Segment, interrupted: bool) -> None:
        """A segment ended at `segment.position_s`; exactly once a segment."""

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """No transport is left for the rest of a segment; `finished` follows."""

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """A take reached its final state."""
