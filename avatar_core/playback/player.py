"""The player: plays segments as takes, over any transport, and finishes each exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.segment import Feed, Segment
from avatar_core.playback.send_loop import CUT_DEADLINE_S, SEND_DEADLINE_S, SendLoop
from avatar_core.playback.transport import PlayerObserver, Transport, TransportChooser
from avatar_core.tasks import call_provider, notify

log = logging.getLogger("avatar_core.player")

FUTILE_TAKES = 3
"""A transport that ends so many takes in a row, unasked and with nothing new heard, is lost."""


class Player:
    """Owns segments and takes; the only one that says a segment is finished.

    All calls from outside set a fact and wake the send_loop, which looks at the facts and does
    the next thing. So no order of events can be missed.
    """

    def __init__(self, observer: PlayerObserver) -> None:
        self._observer = observer
        self._transports: TransportChooser | None = None
        self._segments: deque[Segment] = deque()
        self._open: Segment | None = None
        self._count = 0
        self._paused = False
        self._cut_wanted = self._closed = False
        self._send_loop = SendLoop(self._run, name="avatar-player")
        self._told_s = 0.0
        self.segment: Segment | None = None
        self.take: Take | None = None
        self._send_loop.start()

    def use(self, transports: TransportChooser) -> None:
        """Speech goes over these transports; until there are any, it is kept."""
        self._transports = transports
        self._send_loop.wake()

    # What AgentSession does.

    def push(self, pcm: bytes, format: AudioFormat) -> None:
        """Take audio in at once; the first after `end` begins a segment."""
        if self._open is None:
            self._count += 1
            self._open = Segment(self._count, format)
            self._segments.append(self._open)
            if self._closed:
                self._open.cleared = True
                self._finish(self._open)
        if not self._open.cleared:
            self._open.append(pcm, format)
            self._send_loop.wake()

    def end(self) -> None:
        """The open segment is complete."""
        if self._open is not None:
            self._open.end()
            self._open = None
            self._send_loop.wake()

    def clear(self) -> None:
        """Interrupt every segment that was begun; a later one is not touched."""
        for segment in self._segments:
            segment.cleared = True
        self._tell_progress()
        self._send_loop.interrupt()

    def pause(self) -> None:
        """Fall silent; idempotent. Even if `resume` comes at once, the take was torn."""
        if not self._paused:
            self._paused = self._cut_wanted = True
            self._send_loop.interrupt()

    def resume(self) -> None:
        """Go on exactly where the listener was left; idempotent."""
        self._paused = False
        self._send_loop.wake()

    # What the health check does.

    def restart(self, transport: Transport) -> None:
        """Begin another take: the room reconnected, and its streams broke."""
        if transport.take is not None and transport.take is self.take:
            self._cut_wanted = True
            self._send_loop.interrupt()

    async def aclose(self) -> None:
        """Stop; what is unfinished, or comes yet, is finished as interrupted."""
        self._closed = True
        self.clear()
        await self._send_loop.aclose()
        while self._segments:
            self._finish(self._segments[0])

    # The send_loop.

    async def _run(self) -> None:
        while True:
            while not self._segments:
                await self._send_loop.changed()
            segment = self.segment = self._segments[0]
            try:
                await self._play(segment)
            except AvatarError as error:
                log.error("No transport is left for segment %d: %s", segment.id, error)
                segment.cleared = True
                notify(self._observer.on_unplayable, segment, error)
            except Exception:
                log.exception("Segment %d was given up", segment.id)
                segment.cleared = True
            self._finish(segment)

    async def _play(self, segment: Segment) -> None:
        transport: Transport | None = None
        take: Take | None = None
        futile = 0
        while not segment.cleared and not segment.is_spoken(take):
            transports = self._transports
            if transports is None or self._paused or segment.awaits_more:
                await self._send_loop.changed()
            elif transport is None:
                transport = await self._send_loop.unless_interrupted(transports.at_start())
            elif transport.lost is not None:
                other: Transport | None = await self._send_loop.unless_interrupted(
                    transports.after_loss()
                )
                if other is not None and other.lost is not None:
                    raise other.lost
                transport = other or transport
            else:
                before_s = segment.position_s
                take = await self._perform(segment, transport, segment.resume_at(take))
                futile = 0 if take.cutting or segment.position_s > before_s else futile + 1
                if futile == FUTILE_TAKES:
                    why = "the transport ended take after take with nothing heard."
                    transport.lose(AvatarLostError(why, provider=transport.provider))
                    futile = 0

    async def _perform(self, segment: Segment, transport: Transport, offset_s: float) -> Take:
        take = Take(
            segment.id, transport.format or segment.format, offset_s=offset_s, on_update=self._heard
        )
        feed = Feed(segment, take)
        self.take = transport.take = take
        self._told_s = 0.0
        self._cut_wanted = False
        unobserve = transport.on_lost(lambda _: self._send_loop.interrupt())
        try:
            transport.tracker.follow(take)
            await self._send_loop.in_time(call_provider(transport.sink.begin(take)))
            while not take.state.final and transport.lost is None:
                await self._step(segment, transport, take, feed)
        except AvatarError as error:
            transport.lose(error)
        except TimeoutError:
            why = f"the transport took nothing for {SEND_DEADLINE_S:g} s."
            transport.lose(AvatarLostError(why, provider=transport.provider))
        except Exception as error:
            log.debug("A transport broke.", exc_info=True)
            why = f"the transport broke ({type(error).__name__}: {error})."
            transport.lose(AvatarLostError(why, provider=transport.provider))
        finally:
            unobserve()
            if not take.state.final:
                take.report(state=TakeState.CUT if transport.lost is None else TakeState.LOST)
                self._send_loop.beside(call_provider(transport.sink.cut(take)))
            self._tell_progress()
            notify(self._observer.on_take_finished, segment, take, transport)
            self.take = transport.take = None
        return take

    async def _step(self, segment: Segment, transport: Transport, take: Take, feed: Feed) -> None:
        if segment.cleared or self._cut_wanted:
            await self._cut(transport, take)
        elif chunk := feed.next(transport.budget_s(take)):
            take.pushed_s += take.format.duration_s(len(chunk))
            await self._send_loop.in_time(call_provider(transport.sink.push(chunk)))
        elif feed.exhausted and not take.ended:
            take.ended = True
            await self._send_loop.in_time(call_provider(transport.sink.end(take)))
        else:
            await self._send_loop.changed()

    async def _cut(self, transport: Transport, take: Take) -> None:
        take.cutting = True
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                await call_provider(transport.sink.cut(take))
                while take.pushed_s > 0 and not take.state.final and transport.lost is None:
                    await self._send_loop.changed()
        except TimeoutError:
            log.debug("%r was cut and nobody said so", take)
        if transport.lost is None:
            take.report(state=TakeState.CUT)

    def _heard(self, take: Take) -> None:
        segment = self.segment
        if segment is None or segment.id != take.segment_id:
            return
        segment.heard(take)
        if not segment.started and (take.position_s > 0 or take.state is TakeState.PLAYING):
            segment.started = True
            notify(self._observer.started, segment, take.position_s)
        if take.state.final:
            self._send_loop.interrupt()  # nothing more of it need be sent
        self._send_loop.wake()

    def _tell_progress(self) -> None:
        segment, take = self.segment, self.take
        if segment is None or take is None or take.position_s <= self._told_s:
            return
        played_s = take.position_s - self._told_s
        notify(self._observer.progressed, segment, played_s, take.offset_s + self._told_s, played_s)
        self._told_s = take.position_s

    def _finish(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if self._open is segment:
            segment.cleared = True
        if self.segment is segment:
            self.segment = None
        notify(self._observer.finished, segment, segment.cleared)
