"""The transport to a worker in the room: one byte stream for each take, addressed to it alone."""

from __future__ import annotations

import asyncio
import logging

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent, StreamWriter
from avatar_core.contracts.playback import PlaybackTracker, Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.clock_tracker import SLACK_S, ClockTracker, Estimate
from avatar_core.playback.reports import ReportsTracker
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.playback.stock_rpcs import StockTracker

MESSAGE_BYTES = 15_000
"""The largest chunk that LiveKit's readers are given whole."""
SUBSCRIBED_S = 0.15
"""From a track's publication until those in the room hear it: 37 to 67 ms, more where a machine is
busy. Speech that came earlier would lose its first syllable."""


class ByteStreamSink(AudioSink):
    """Speaks `lk.audio_stream` and `lk.clear_buffer` to any LiveKit-style worker."""

    def __init__(self, ctx: SinkContext) -> None:
        self._ctx = ctx
        self._link = ctx.link
        self._to = [ctx.avatar.audio_destination]
        self._writer: StreamWriter | None = None

    async def open(self) -> None:
        """Wait until the worker is in the room and shows what `ready_on` asks for."""
        ready = asyncio.Event()

        def look(_: RoomEvent | None = None, __: RemoteParticipant | None = None) -> None:
            participants = self._link.remote_participants()
            avatar = participants.get(self._ctx.avatar.identity)
            wanted = self._ctx.capabilities.ready_on
            if avatar and self._to[0] in participants and wanted in {"join", *avatar.tracks}:
                ready.set()

        unwatch = self._link.watch(look)
        try:
            look()
            await ready.wait()
        finally:
            unwatch()
        await asyncio.sleep(SUBSCRIBED_S)

    async def begin(self, take: Take) -> None:
        """Open the take's stream; end one that its worker gave up on."""
        await self._close_stream()
        self._writer = await self._link.open_stream(
            wire.AUDIO_STREAM,
            to=self._to,
            attributes=wire.stream_attributes(take.format, take.id),
        )

    async def push(self, chunk: bytes) -> None:
        """Send a chunk."""
        writer = self._writer
        if writer is None:
            return
        for start in range(0, len(chunk), MESSAGE_BYTES):
            await writer.write(chunk[start : start + MESSAGE_BYTES])

    async def end(self, take: Take) -> None:
        """Close the take's stream."""
        await self._close_stream()

    async def cut(self, take: Take) -> None:
        """Clear by a lossy packet, which overtakes audio on the wire, and by RPC."""
        clear = asyncio.gather(
            self._link.send(wire.CLEAR_TOPIC, take.id.encode(), to=self._to),
            self._link.call(self._to[0], wire.CLEAR_BUFFER, "", timeout_s=CUT_DEADLINE_S),
            self._close_stream(),
            return_exceptions=True,
        )
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                for result in await clear:
                    if isinstance(result, RoomError):
                        self._ctx.log.debug("clearing %r: %s", take, result)
        except TimeoutError:
            self._ctx.log.debug("clearing %r took too long", take)

    async def aclose(self) -> None:
        """Close the stream that is open, if any."""
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                await self._close_stream()
        except (RoomError, TimeoutError):
            return

    async def _close_stream(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.aclose()


class ByteStreamTracker(PlaybackTracker):
    """Reports of our worker, else stock RPCs with the clock's positions between them."""

    def __init__(self, ctx: SinkContext) -> None:
        worker = self._worker = ctx.avatar.audio_destination
        self._reports = ReportsTracker(ctx.link.router, worker, ctx.clock, self._malformed)
        self._stock = StockTracker(ctx.link.router, worker, ctx.clock, self._malformed)
        finish_s = SLACK_S if ctx.capabilities.reports_finished else 0.0
        self._estimate = Estimate(ctx.capabilities.playout_latency_s, ctx.clock)
        self._clock = ClockTracker(self._estimated_s, tail_s=finish_s)
        self._log = ctx.log
        self._warned: set[str] = set()

    @property
    def alive_at(self) -> float | None:
        """Loop time of the worker's last report."""
        return self._reports.alive_at

    def follow(self, take: Take) -> None:
        """Bring the facts of this take home."""
        self._reports.follow(take)
        if self.alive_at is None:
            self._stock.follow(take)
            self._clock.follow(take)

    async def aclose(self) -> None:
        """Stop listening."""
        await self._reports.aclose()
        await self._stock.aclose()
        await self._clock.aclose()

    def _estimated_s(self, take: Take) -> float:
        return self._estimate.position_s(take) if self.alive_at is None else 0.0

    def _malformed(self, error: WireError) -> None:
        """A broken worker sends ten a second: each reason is a warning once."""
        level = logging.DEBUG if error.reason in self._warned else logging.WARNING
        self._warned.add(error.reason)
        self._log.log(level, "A report of %s was dropped: %s", self._worker, error)
