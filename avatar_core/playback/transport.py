"""Transports, and the protocols of the objects that choose one and that observe the player."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.link import Unsubscribe
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.segment import Segment

LossHandler = Callable[[AvatarError], None]

SHORT_CHUNK_S, LONG_CHUNK_S = 0.04, 0.1
"""Seconds of audio in a message. It is short while little audio is ahead, because the worker needs
one video frame's worth before the first sound. It is long later, because each message costs time
on an event loop that may be busy."""


class Transport:
    """A sink and a tracker to one place where audio is played, for the life of a lease.

    Code that finds the transport lost calls `lose`; all other code observes `lost`.

    Args:
        provider: The provider's name; `voice` for the agent's own voice.
        sink: Carries takes.
        tracker: Learns how much of them was heard.
        format: The audio format that the sink needs; None for the format of the segment.
        run_ahead_s: Seconds of audio that may be sent beyond what was heard.
        identities: The remote participants that carry it; empty for the agent's own voice.
        wait_until_subscribed: Returns once a participant has subscribed to the audio track; None
            if the agent cannot know.

    Attributes:
        provider: The provider's name; `voice` for the agent's own voice.
        sink: Carries takes.
        tracker: Learns how much of them was heard.
        format: The audio format that the sink needs; None for the format of the segment.
        run_ahead_s: Seconds of audio that may be sent beyond what was heard.
        identities: The remote participants that carry it; empty for the agent's own voice.
        wait_until_subscribed: Returns once a participant has subscribed to the audio track; None
            if the agent cannot know.
        take: The take that is on the transport now, if any; set by the player.
    """

    def __init__(
        self,
        *,
        provider: str,
        sink: AudioSink,
        tracker: PlaybackTracker,
        format: AudioFormat | None,
        run_ahead_s: float,
        identities: frozenset[str] = frozenset(),
        wait_until_subscribed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.provider = provider
        self.sink = sink
        self.tracker = tracker
        self.format = format
        self.run_ahead_s = run_ahead_s
        self.identities = identities
        self.wait_until_subscribed = wait_until_subscribed
        self.take: Take | None = None
        self._lost: AvatarError | None = None
        self._observers: list[LossHandler] = []

    @property
    def lost(self) -> AvatarError | None:
        """Why the transport is lost; None while it can be used."""
        return self._lost

    def lose(self, error: AvatarError) -> None:
        """Mark the transport as lost and call its observers; later calls do nothing.

        Args:
            error: Why the transport is lost.
        """
        if self._lost is None:
            self._lost = error
            observers, self._observers = self._observers, []
            for observer in observers:
                observer(error)

    def on_lost(self, handler: LossHandler) -> Unsubscribe:
        """Call `handler` once when the transport is lost, or at once if it is lost already.

        Args:
            handler: Takes the error. It must not block or raise.

        Returns:
            A function that removes the handler; idempotent.
        """
        if self._lost is not None:
            handler(self._lost)
            return lambda: None
        self._observers.append(handler)
        return lambda: self._observers.remove(handler) if handler in self._observers else None

    def budget_s(self, take: Take) -> float:
        """Return how many seconds of a take may be sent now: one message, or 0.

        Args:
            take: The take on the transport. The more of it is sent and unheard, the longer is
                the message, from `SHORT_CHUNK_S` to `LONG_CHUNK_S`.
        """
        size_s = min(max(SHORT_CHUNK_S, take.unheard_s), LONG_CHUNK_S)
        return size_s if take.unheard_s + size_s <= self.run_ahead_s else 0.0


class TransportChooser(Protocol):
    """Chooses the transport of the next take."""

    async def at_start(self) -> Transport:
        """Return the transport of a new segment; may wait, within a limit, for a join.

        Raises:
            AvatarError: No transport can be used.
        """

    async def after_loss(self) -> Transport:
        """Return the transport that continues a segment whose transport was lost, at once.

        Raises:
            AvatarError: No transport can be used.
        """


class PlayerObserver(Protocol):
    """Receives what the player does. Every call comes from the event loop and must not block."""

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Handle the first sound of a segment; called at most once a segment.

        Args:
            segment: The segment.
            ago_s: Seconds since the sound was heard.
        """

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Handle the report that a part of a segment was heard.

        Args:
            segment: The segment.
            ago_s: Seconds since the part began to be heard.
            offset_s: Seconds from the start of the segment to the part.
            played_s: Seconds of the part.
        """

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Handle the end of a segment at `segment.position_s`; called exactly once a segment.

        Args:
            segment: The segment.
            interrupted: Whether it ended before all of it was heard.
        """

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Handle that no transport is left for a segment; `on_segment_finished` follows.

        Args:
            segment: The segment.
            error: Why the last transport cannot be used.
        """

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Handle a take that reached its final state.

        Args:
            segment: The segment that the take played.
            take: The take.
            transport: The transport that it was on.
        """
