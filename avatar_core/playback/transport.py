"""Transports, and the protocols of the objects that choose a transport or observe the player."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.monitor import Monitor
from avatar_core.playback.segment import Segment
from avatar_core.playback.send_loop import SEND_DEADLINE_S
from avatar_core.tasks import call_provider

log = logging.getLogger("avatar_core.player")

LossHandler = Callable[[AvatarError], None]

SHORT_CHUNK_S, LONG_CHUNK_S = 0.04, 0.1
"""Seconds of audio in a message. It is short while little audio is ahead, because the worker needs
one video frame's worth before the first sound. It is long later, because each message costs time
on an event loop that may be busy."""
LEAST_AHEAD_S = 0.3
"""Seconds of audio that the player sends ahead in addition to the worker's latency. With less
audio, the speech has gaps."""


class Transport:
    """A sink and a tracker for one destination of audio, for example an avatar's worker.

    A transport exists as long as the avatar's lease. The code that finds the transport lost calls
    `lose`; all other code observes `lost`.

    Args:
        provider: The provider's name; `voice` for the agent's own voice.
        sink: Sends takes.
        tracker: Finds out how much of a take was heard.
        format: The audio format that the sink needs; None for the format of the segment.
        run_ahead_s: Seconds of audio that may be sent beyond the position that was heard.
        identities: The remote participants that publish the audio; empty for the agent's voice.
        wait_until_subscribed: Returns once a participant has subscribed to the audio track; None
            if the agent cannot know.
        latency_s: Seconds from the push of audio until a listener hears the audio.
        collects: Whether the sink may collect audio until it has a piece as long as the run-ahead.
        monitor: Listens to the avatar's audio track; None without a monitor.

    Attributes:
        provider: The provider's name; `voice` for the agent's own voice.
        sink: Sends takes.
        tracker: Finds out how much of a take was heard.
        format: The audio format that the sink needs; None for the format of the segment.
        run_ahead_s: Seconds of audio that may be sent beyond the position that was heard.
        identities: The remote participants that publish the audio; empty for the agent's voice.
        wait_until_subscribed: Returns once a participant has subscribed to the audio track; None
            if the agent cannot know.
        latency_s: Seconds from the push of audio until a listener hears the audio.
        collects: Whether the sink may collect audio until it has a piece as long as the run-ahead.
        monitor: Listens to the avatar's audio track; None without a monitor.
        heartbeat_s: The attribute `heartbeat_s` of the tracker; None if the tracker declares none.
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
        latency_s: float = 0.0,
        collects: bool = False,
        monitor: Monitor | None = None,
    ) -> None:
        self.provider = provider
        self.sink = sink
        self.tracker = tracker
        self.format = format
        self.run_ahead_s = run_ahead_s
        self.identities = identities
        self.wait_until_subscribed = wait_until_subscribed
        self.latency_s = latency_s
        self.collects = collects
        self.monitor = monitor
        self.heartbeat_s: float | None = tracker.heartbeat_s
        self._take: Take | None = None
        self._has_take = asyncio.Event()
        self._lost: AvatarError | None = None
        self._observers: list[LossHandler] = []

    @property
    def take(self) -> Take | None:
        """The take that is on the transport now, if any; the player sets it."""
        return self._take

    @take.setter
    def take(self, take: Take | None) -> None:
        self._take = take
        if take is None:
            self._has_take.clear()
        else:
            self._has_take.set()

    async def wait_for_take(self) -> None:
        """Wait until a take is on the transport."""
        await self._has_take.wait()

    @property
    def lost(self) -> AvatarError | None:
        """The error that made the transport unusable; None while the transport can be used."""
        return self._lost

    def lose(self, error: AvatarError) -> None:
        """Mark the transport as lost and call its observers; later calls do nothing.

        Args:
            error: The reason for the loss.
        """
        if self._lost is None:
            self._lost = error
            observers, self._observers = self._observers, []
            for observer in observers:
                observer(error)

    def lose_by(self, error: Exception) -> None:
        """Mark the transport as lost because its sink or its tracker raised an error.

        Args:
            error: The error; a `TimeoutError` means that the sink accepted no audio in time.
        """
        if isinstance(error, AvatarError):
            return self.lose(error)
        if isinstance(error, TimeoutError):
            why = f"the transport accepted no audio for {SEND_DEADLINE_S:g} s."
        else:
            log.debug("A transport raised an unexpected error.", exc_info=error)
            why = f"the transport raised an unexpected error ({type(error).__name__}: {error})."
        return self.lose(AvatarLostError(why, provider=self.provider))

    def on_lost(self, handler: LossHandler) -> Unsubscribe:
        """Call a handler once when the transport is lost, or at once if it is already lost.

        Args:
            handler: Called with the error. The handler must not block or raise.

        Returns:
            A function that removes the handler; idempotent.
        """
        if self._lost is not None:
            handler(self._lost)
            return lambda: None
        self._observers.append(handler)
        return lambda: self._observers.remove(handler) if handler in self._observers else None

    def follow(self, take: Take) -> None:
        """Find out how much of a take is heard, from now on.

        Args:
            take: The take that begins on the transport.
        """
        if self.monitor is not None:
            self.monitor.follow(take)
        self.tracker.follow(take)

    def begin_cut(self, take: Take) -> None:
        """Note that the player stops a take.

        Args:
            take: The take on the transport.
        """
        take.cutting = True
        if self.monitor is not None:
            self.monitor.expect_cut()

    async def push(self, take: Take, chunk: bytes) -> None:
        """Send audio of a take.

        Args:
            take: The take on the transport.
            chunk: Whole samples in the format of the take.

        Raises:
            Exception: The sink did not accept the audio.
        """
        take.pushed_s += take.format.duration_s(len(chunk))
        if self.monitor is not None:
            self.monitor.push(chunk)
        await call_provider(self.sink.push, chunk)
        if self.monitor is not None:
            self.monitor.note_sent()

    def budget_s(self, take: Take) -> float:
        """Return how many seconds of a take the player may send now.

        Args:
            take: The take on the transport.

        Returns:
            Seconds of one message, from `SHORT_CHUNK_S` to `LONG_CHUNK_S`, more if more audio is
            sent and unheard; 0.0 if the message would exceed `run_ahead_s`.
        """
        unheard_s = take.pushed_s - max(take.claimed_s, take.position_s)
        size_s = min(max(SHORT_CHUNK_S, unheard_s), LONG_CHUNK_S)
        ahead_s, latency_s = self.run_ahead_s, self.tracker.measured_latency_s
        if latency_s > 0:
            ahead_s = max(ahead_s, latency_s + LEAST_AHEAD_S)
        room_s = ahead_s - unheard_s
        if self.collects:
            return max(0.0, min(size_s, room_s))
        return size_s if size_s <= room_s else 0.0


class TransportChooser(Protocol):
    """Chooses the transport of a take; the failover controller implements this protocol."""

    async def at_start(self) -> Transport:
        """Choose the transport of a new segment; wait, within a limit, for an avatar to join.

        Returns:
            The transport.

        Raises:
            AvatarError: No transport can be used.
        """

    async def after_loss(self) -> Transport:
        """Choose the transport that continues a segment after the loss of its transport.

        Returns:
            The transport.

        Raises:
            AvatarError: No transport can be used.
        """


class PlayerObserver(Protocol):
    """Receives the events of a player, which calls it from the event loop; it must not block."""

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Handle the first sound of a segment; the player calls this at most once for each segment.

        Args:
            segment: The segment.
            ago_s: Seconds since the sound was heard.
        """

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Handle a part of a segment that a listener has just heard.

        Args:
            segment: The segment.
            ago_s: Seconds since the listener began to hear the part.
            offset_s: Seconds from the start of the segment to the part.
            played_s: Seconds of the part.
        """

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Handle the end of a segment; the player calls this exactly once for each segment.

        Args:
            segment: The segment; its `position_s` is final.
            interrupted: Whether the segment ended before all of it was heard.
        """

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Handle a segment for which no transport is left; `on_segment_finished` follows.

        Args:
            segment: The segment.
            error: The reason why no transport can be used.
        """

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Handle a take that reached a final state.

        Args:
            segment: The segment that the take played.
            take: The take.
            transport: The transport that played the take.
        """
