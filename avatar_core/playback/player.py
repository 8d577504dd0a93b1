"""The player: plays segments as takes on any transport, and finishes each segment exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.rest import Rest
from avatar_core.playback.room_closed import RoomClosedError
from avatar_core.playback.segment import Feed, Segment
from avatar_core.playback.send_loop import CUT_DEADLINE_S, SendLoop
from avatar_core.playback.transport import PlayerObserver, Transport, TransportChooser
from avatar_core.tasks import call_provider, notify

log = logging.getLogger("avatar_core.player")

FUTILE_TAKES = 3
"""The transport counts as lost after this number of uncut takes in a row without new audio."""


class Player:
    """Plays the segments of an AgentSession one after another, each as one or more takes.

    The audio tail of the session creates the player. No other object reports a segment as finished.
    Each public method sets state and wakes the send loop, which reads the state and performs the
    next step; so the order of the calls does not matter. The constructor needs a running event
    loop.

    Args:
        observer: Receives the events of the player.

    Attributes:
        segment: The segment that is being played, if any.
        take: The take that is being played, if any.
    """

    def __init__(self, observer: PlayerObserver) -> None:
        self._observer = observer
        self._chooser: TransportChooser | None = None
        self._segments: deque[Segment] = deque()
        self._open: Segment | None = None
        self._count = 0
        self._paused = False
        self._cut_wanted = self._closed = self._stopped = False
        self._finished = asyncio.Event()
        self._send_loop = SendLoop(self._run, name="avatar-player")
        self._reported_s = 0.0
        self._rest = Rest()
        self.segment: Segment | None = None
        self.take: Take | None = None
        self._send_loop.start()

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    def use(self, chooser: TransportChooser) -> None:
        """Set the object that chooses transports; the player keeps all segments until this call.

        Args:
            chooser: Chooses the transport of each segment.
        """
        self._chooser = chooser
        self._send_loop.wake()

    # For AgentSession.

    def push(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio to the open segment, or begin a segment if none is open; do not wait.

        Args:
            pcm: Whole samples: int16, little-endian, interleaved.
            format: The format of `pcm`.

        Raises:
            ValueError: `pcm` does not contain whole samples; checked only if it must be converted.
        """
        if self._open is None:
            self._count += 1
            self._open = Segment(self._count, format)
            self._open.cleared = self._closed
            self._segments.append(self._open)
        if not self._open.cleared:
            self._open.append(pcm, format)
            self._send_loop.wake()

    def end(self) -> None:
        """Complete the open segment; do nothing if no segment is open."""
        if self._open is not None:
            self._open.end()
            self._open = None
            self._finish_if_stopped()
            self._send_loop.wake()

    def clear(self) -> None:
        """Interrupt every segment that has begun; segments that begin later are not affected."""
        for segment in self._segments:
            segment.cleared = True
        self.clear_rest()
        self._report_progress()
        self._finish_if_stopped()
        self._send_loop.interrupt()

    def clear_rest(self) -> None:
        """Stop the sound of segments that have finished, if the worker may be behind."""
        if self._rest.reject():
            self._send_loop.wake()

    def pause(self) -> None:
        """Cut the current take and play nothing until `resume`; idempotent.

        The player cuts the take even if `resume` follows at once.
        """
        if not self._paused:
            self._paused = self._cut_wanted = True
            self._send_loop.interrupt()

    def resume(self) -> None:
        """Continue the current segment where `pause` stopped it; idempotent."""
        self._paused = False
        self._send_loop.wake()

    # For the health check.

    def restart(self, transport: Transport) -> None:
        """Cut the current take and begin a new one, because a reconnect broke the take's stream.

        Args:
            transport: The transport that reconnected. The method does nothing if the current take
                is on another transport.
        """
        if transport.take is not None and transport.take is self.take:
            self._cut_wanted = True
            self._send_loop.interrupt()

    async def aclose(self) -> None:
        """Stop, and finish every segment as interrupted, including later segments; idempotent."""
        self._closed = True
        self.clear()
        await self._send_loop.aclose()
        self._stopped = True
        self._finish_if_stopped()

    async def wait_for_segment_end(self) -> None:
        """Wait until the segment that plays now has finished; return at once if none plays."""
        segment = self.segment
        while segment is not None and segment in self._segments:
            self._finished.clear()
            await self._finished.wait()

    # The send loop.

    async def _run(self) -> None:
        while True:
            while not self._segments:
                await self._rest.cut()
                await self._send_loop.wait_for_wake()
            segment = self.segment = self._segments[0]
            try:
                await self._play(segment)
            except AvatarError as error:
                if not isinstance(error, RoomClosedError):
                    log.error("No transport is available to play segment %d: %s", segment.id, error)
                segment.cleared = True
                notify(self._observer.on_unplayable, segment, error)
            except Exception:
                log.exception("Segment %d ends early because of an unexpected error.", segment.id)
                segment.cleared = True
            self._finish(segment)

    async def _play(self, segment: Segment) -> None:
        transport: Transport | None = None
        take: Take | None = None
        futile = 0
        while not segment.cleared and not segment.is_played(take):
            chooser = self._chooser
            await self._rest.cut()
            if chooser is None or self._paused or segment.awaits_more:
                await self._send_loop.wait_for_wake()
            elif transport is None:
                transport = await self._send_loop.run_interruptible(chooser.at_start())
            elif transport.lost is not None:
                other: Transport | None = await self._send_loop.run_interruptible(
                    chooser.after_loss()
                )
                if other is not None and other.lost is not None:
                    raise other.lost
                transport = other or transport
            else:
                before_s = segment.position_s
                take = await self._play_take(segment, transport, segment.resume_offset_s(take))
                futile = 0 if take.cutting or segment.position_s > before_s else futile + 1
                if futile == FUTILE_TAKES:
                    why = f"the transport ended {futile} takes in a row without playing anything."
                    transport.lose(AvatarLostError(why, provider=transport.provider))
                    futile = 0

    async def _play_take(self, segment: Segment, transport: Transport, offset_s: float) -> Take:
        take = Take(
            segment.id,
            transport.format or segment.format,
            offset_s=offset_s,
            on_update=self._on_take_update,
        )
        feed = Feed(segment, take)
        self.take = transport.take = take
        self._reported_s = 0.0
        self._cut_wanted = False
        unobserve = transport.on_lost(lambda _: self._send_loop.interrupt())
        try:
            transport.follow(take)
            await self._send_loop.run_with_deadline(call_provider(transport.sink.begin, take))
            while not take.state.final and transport.lost is None:
                await self._step(segment, transport, take, feed)
        except Exception as error:
            transport.lose_by(error)
        finally:
            unobserve()
            if not take.state.final:
                take.report(state=TakeState.CUT if transport.lost is None else TakeState.LOST)
                self._send_loop.run_in_background(call_provider(transport.sink.cut, take))
            self._report_progress()
            notify(self._observer.on_take_finished, segment, take, transport)
            self.take = transport.take = None
            self._rest.note_end(transport, take)
        return take

    async def _step(self, segment: Segment, transport: Transport, take: Take, feed: Feed) -> None:
        if segment.cleared or self._cut_wanted:
            await self._cut(transport, take)
        elif chunk := feed.next(transport.budget_s(take)):
            await self._send_loop.run_with_deadline(transport.push(take, chunk))
        elif feed.exhausted and not take.ended:
            take.ended = True
            await self._send_loop.run_with_deadline(call_provider(transport.sink.end, take))
        else:
            await self._send_loop.wait_for_wake()

    async def _cut(self, transport: Transport, take: Take) -> None:
        transport.begin_cut(take)
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                await call_provider(transport.sink.cut, take)
                while take.pushed_s > 0 and not take.state.final and transport.lost is None:
                    await self._send_loop.wait_for_wake()
        except TimeoutError:
            log.debug(
                "The transport did not confirm that it stopped %r within %g s.",
                take,
                CUT_DEADLINE_S,
            )
        if transport.lost is None:
            take.report(state=TakeState.CUT)

    def _on_take_update(self, take: Take) -> None:
        segment = self.segment
        if segment is None or segment.id != take.segment_id:
            return
        segment.update_position(take)
        if segment.on_moved is not None:
            notify(segment.on_moved)
        if not segment.started and (take.position_s > 0 or take.state is TakeState.PLAYING):
            segment.started = True
            notify(self._observer.on_segment_started, segment, take.position_s)
        if take.state.final:
            self._send_loop.interrupt()  # the rest of the take need not be sent
        self._send_loop.wake()

    def _report_progress(self) -> None:
        segment, take = self.segment, self.take
        if segment is None or take is None or take.position_s <= self._reported_s:
            return
        played_s = take.position_s - self._reported_s
        offset_s = take.offset_s + self._reported_s
        notify(self._observer.on_segment_progressed, segment, played_s, offset_s, played_s)
        self._reported_s = take.position_s

    def _finish(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if self._open is segment:
            segment.cleared = True
        if self.segment is segment:
            self.segment = None
        self._finished.set()
        notify(self._observer.on_segment_finished, segment, segment.cleared)

    def _finish_if_stopped(self) -> None:
        """Finish every segment if the send loop has ended, since nothing else does.

        A segment is finished at its end, not at its first frame: the outputs above this one may
        count it only after that frame.
        """
        while self._stopped and self._segments:
            self._finish(self._segments[0])
