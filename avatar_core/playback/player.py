"""The player: plays segments as takes, over any road, and finishes each exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, RoadLostError
from avatar_core.contracts.events import contained
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.segment import Feed, Segment
from avatar_core.playback.send_loop import CUT_DEADLINE_S, SEND_DEADLINE_S, Pump
from avatar_core.playback.transport import Listener, Road, Roads
from avatar_core.tasks import called

log = logging.getLogger("avatar_core.player")

FUTILE_TAKES = 3
"""A road that ends so many takes in a row, unasked and with nothing new heard, is lost."""


class Player:
    """Owns segments and takes; the only one that says a segment is finished.

    All calls from outside set a fact and wake the pump, which looks at the facts and does
    the next thing. So no order of events can be missed.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._roads: Roads | None = None
        self._segments: deque[Segment] = deque()
        self._open: Segment | None = None
        self._count = 0
        self._paused = False
        self._cut_wanted = self._closed = False
        self._pump = Pump(self._run, name="avatar-player")
        self._told_s = 0.0
        self.segment: Segment | None = None
        self.take: Take | None = None
        self.road: Road | None = None
        self._pump.start()

    def use(self, roads: Roads) -> None:
        """Speech goes over these roads; until there are any, it is kept."""
        self._roads = roads
        self._pump.wake()

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
            self._pump.wake()

    def end(self) -> None:
        """The open segment is complete."""
        if self._open is not None:
            self._open.end()
            self._open = None
            self._pump.wake()

    def clear(self) -> None:
        """Interrupt every segment that was begun; a later one is not touched."""
        for segment in self._segments:
            segment.cleared = True
        self._tell_progress()
        self._pump.interrupt()

    def pause(self) -> None:
        """Fall silent; idempotent. Even if `resume` comes at once, the take was torn."""
        if not self._paused:
            self._paused = self._cut_wanted = True
            self._pump.interrupt()

    def resume(self) -> None:
        """Go on exactly where the listener was left; idempotent."""
        self._paused = False
        self._pump.wake()

    # What the supervisor does.

    def lose(self, road: Road, error: AvatarError) -> None:
        """A road is gone; a segment on it goes on by another."""
        if road.lost is None:
            road.lost = error
            if self.road is road:
                self._pump.interrupt()

    def restart(self, road: Road) -> None:
        """The room came back and streams did not: go on in another take."""
        if self.road is road and self.take is not None:
            self._cut_wanted = True
            self._pump.interrupt()

    async def aclose(self) -> None:
        """Stop; what is unfinished, or comes yet, is finished as interrupted."""
        self._closed = True
        self.clear()
        await self._pump.aclose()
        while self._segments:
            self._finish(self._segments[0])

    # The pump.

    async def _run(self) -> None:
        while True:
            while not self._segments:
                await self._pump.changed()
            segment = self.segment = self._segments[0]
            try:
                await self._play(segment)
            except AvatarError as error:
                log.error("No road is left for segment %d: %s", segment.id, error)
                segment.cleared = True
                contained(self._listener.unspeakable, segment, error)
            except Exception:
                log.exception("Segment %d was given up", segment.id)
                segment.cleared = True
            self._finish(segment)

    async def _play(self, segment: Segment) -> None:
        road: Road | None = None
        take: Take | None = None
        futile = 0
        while not segment.cleared and not segment.is_spoken(take):
            roads = self._roads
            if roads is None or self._paused or segment.awaits_more:
                await self._pump.changed()
            elif road is None:
                road = await self._pump.unless_interrupted(roads.at_start())
            elif road.lost is not None:
                other: Road | None = await self._pump.unless_interrupted(roads.after_loss())
                if other is not None and other.lost is not None:
                    raise other.lost
                road = other or road
            else:
                before_s = segment.position_s
                take = await self._perform(segment, road, segment.resume_at(take))
                futile = 0 if take.cutting or segment.position_s > before_s else futile + 1
                if futile == FUTILE_TAKES:
                    why = "the road ended take after take with nothing heard."
                    self.lose(road, RoadLostError(why, provider=road.provider))
                    futile = 0

    async def _perform(self, segment: Segment, road: Road, offset_s: float) -> Take:
        take = Take(
            segment.id, road.format or segment.format, offset_s=offset_s, changed=self._heard
        )
        feed = Feed(segment, take)
        self.take, self.road, self._told_s = take, road, 0.0
        self._cut_wanted = False
        try:
            road.tracker.follow(take)
            await self._pump.in_time(called(road.sink.begin(take)))
            while not take.state.final and road.lost is None:
                await self._step(segment, road, take, feed)
        except AvatarError as error:
            self.lose(road, error)
        except TimeoutError:
            why = f"the road took nothing for {SEND_DEADLINE_S:g} s."
            self.lose(road, RoadLostError(why, provider=road.provider))
        except Exception as error:
            log.debug("A road broke.", exc_info=True)
            why = f"the road broke ({type(error).__name__}: {error})."
            self.lose(road, RoadLostError(why, provider=road.provider))
        finally:
            if not take.state.final:
                take.report(state=TakeState.CUT if road.lost is None else TakeState.LOST)
                self._pump.beside(called(road.sink.cut(take)))
            self._tell_progress()
            contained(self._listener.take_over, segment, take, road)
            self.take = self.road = None
        return take

    async def _step(self, segment: Segment, road: Road, take: Take, feed: Feed) -> None:
        if segment.cleared or self._cut_wanted:
            await self._cut(road, take)
        elif chunk := feed.next(road.budget_s(take)):
            take.pushed_s += take.format.duration_s(len(chunk))
            await self._pump.in_time(called(road.sink.push(chunk)))
        elif feed.exhausted and not take.ended:
            take.ended = True
            await self._pump.in_time(called(road.sink.end(take)))
        else:
            await self._pump.changed()

    async def _cut(self, road: Road, take: Take) -> None:
        take.cutting = True
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                await called(road.sink.cut(take))
                while take.pushed_s > 0 and not take.state.final and road.lost is None:
                    await self._pump.changed()
        except TimeoutError:
            log.debug("%r was cut and nobody said so", take)
        if road.lost is None:
            take.report(state=TakeState.CUT)

    def _heard(self, take: Take) -> None:
        segment = self.segment
        if segment is None or segment.id != take.segment_id:
            return
        segment.heard(take)
        if not segment.started and (take.position_s > 0 or take.state is TakeState.PLAYING):
            segment.started = True
            contained(self._listener.started, segment, take.position_s)
        if take.state.final:
            self._pump.interrupt()  # nothing more of it need be sent
        self._pump.wake()

    def _tell_progress(self) -> None:
        segment, take = self.segment, self.take
        if segment is None or take is None or take.position_s <= self._told_s:
            return
        played_s = take.position_s - self._told_s
        contained(
            self._listener.progressed, segment, played_s, take.offset_s + self._told_s, played_s
        )
        self._told_s = take.position_s

    def _finish(self, segment: Segment) -> None:
        self._segments.remove(segment)
        if self._open is segment:
            segment.cleared = True
        if self.segment is segment:
            self.segment = None
        contained(self._listener.finished, segment, segment.cleared)
