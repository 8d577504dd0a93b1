"""The transport to a worker in the room: sends each take as a byte stream to the worker alone."""

from __future__ import annotations

import asyncio
import logging

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.contracts.streams import StreamWriter
from avatar_core.playback.clock_tracker import FINISH_GRACE_S, ClockTracker
from avatar_core.playback.position_estimate import PositionEstimate
from avatar_core.playback.readiness import wait_until_ready
from avatar_core.playback.reports import ReportsTracker
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.playback.stock_rpcs import StockTracker
from avatar_core.worker.reporter import HEARTBEAT_S

MESSAGE_BYTES = 15_000
"""The largest chunk that LiveKit delivers to its readers in one piece."""
MAY_SOUND_S = 10.0
"""Seconds by which a worker may be late if it does not confirm the end of a take."""


class ByteStreamSink(AudioSink):
    """Sends takes to a worker with LiveKit's wire format: `lk.audio_stream` and `lk.clear_buffer`.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
    """

    def __init__(self, ctx: SinkContext) -> None:
        self._ctx = ctx
        self._link = ctx.link
        self._to = [ctx.avatar.audio_destination]
        self._writer: StreamWriter | None = None

    async def open(self) -> None:
        """Wait until the worker is in the room and meets the condition `Capabilities.ready_on`.

        This method waits without a time limit; the caller sets a deadline.
        """
        await wait_until_ready(self._ctx)

    async def begin(self, take: Take) -> None:
        """Open a stream for a take, and close a stream that is still open.

        Args:
            take: The take whose audio follows, in `take.format`.

        Raises:
            RoomError: The room closed, or did not accept the stream.
        """
        await self._close_stream()
        self._writer = await self._link.open_stream(
            wire.AUDIO_STREAM,
            to=self._to,
            attributes=wire.stream_attributes(take.format, take.id),
        )

    async def push(self, chunk: bytes) -> None:
        """Send audio of the current take; drop it if no stream is open.

        Args:
            chunk: Whole samples in the take's format: int16, little-endian, interleaved.

        Raises:
            RoomError: The room closed, or did not accept the audio.
        """
        writer = self._writer
        if writer is None:
            return
        for start in range(0, len(chunk), MESSAGE_BYTES):
            await writer.write(chunk[start : start + MESSAGE_BYTES])

    async def end(self, take: Take) -> None:
        """Close the stream of a take after its last chunk.

        Args:
            take: The current take.

        Raises:
            RoomError: The room closed, or did not accept the end of the stream.
        """
        await self._close_stream()

    async def cut(self, take: Take) -> None:
        """Make the worker drop its audio; wait at most `CUT_DEADLINE_S` and log errors of the room.

        The sink sends the command twice: as a lossy packet, which overtakes audio on the wire, and
        as an RPC.

        Args:
            take: The take to stop.
        """
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
                        self._ctx.log.debug(
                            "The room did not deliver the command to stop %r: %s", take, result
                        )
        except TimeoutError:
            self._ctx.log.debug(
                "The command to stop %r took longer than %g s.", take, CUT_DEADLINE_S
            )

    async def aclose(self) -> None:
        """Close the open stream, if any, within `CUT_DEADLINE_S`; idempotent."""
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
    """Finds out how much of a take was heard, from the messages of the worker or from a clock.

    The tracker uses the reports of avatar-core's own worker. Until the first report arrives, the
    tracker uses LiveKit's playback RPCs and an estimate of the position.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.

    Attributes:
        heartbeat_s: Time between two reports of our worker.
    """

    heartbeat_s = HEARTBEAT_S

    def __init__(self, ctx: SinkContext) -> None:
        worker = self._worker = ctx.avatar.audio_destination
        self._now = ctx.clock
        self._take: Take | None = None
        self._followed_at = 0.0
        self._finished: Take | None = None
        self._estimate = PositionEstimate(
            ctx.capabilities.playout_latency_s,
            ctx.clock,
            reports_started=ctx.capabilities.reports_started,
        )
        self._reports = ReportsTracker(ctx.link.router, worker, ctx.clock, self._on_malformed)
        self._stock = StockTracker(
            ctx.link.router,
            worker,
            ctx.clock,
            self._on_malformed,
            on_started=self._estimate.learn_start,
            on_finished=self._on_finished,
        )
        tail_s = FINISH_GRACE_S if ctx.capabilities.reports_finished else 0.0
        self._clock = ClockTracker(self._estimated_s, tail_s=tail_s)
        self._log = ctx.log
        self._warned: set[str] = set()

    @property
    def alive_at(self) -> float | None:
        """The clock time of the worker's last report in seconds; None before the first report."""
        return self._reports.alive_at

    def follow(self, take: Take) -> None:
        """Find out how much of a take was heard, and report positions and states to the take.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        self._take, self._followed_at = take, self._now()
        self._reports.follow(take)
        if self.alive_at is None:
            self._stock.follow(take)
            self._clock.follow(take)

    async def aclose(self) -> None:
        """Stop following takes and remove the message handlers; idempotent."""
        await self._reports.aclose()
        await self._stock.aclose()
        await self._clock.aclose()

    @property
    def is_estimate(self) -> bool:
        """Whether positions come from a clock, because the worker has not reported any."""
        return self.alive_at is None

    @property
    def measured_latency_s(self) -> float:
        """Measured seconds from a push to its sound; 0.0 if the worker reports positions."""
        return self._estimate.latency_s if self.is_estimate else 0.0

    @property
    def may_sound(self) -> bool:
        """Whether the last take is DONE by an estimate that the worker did not confirm."""
        take = self._take
        return (
            self.is_estimate
            and take is not None
            and take.state is TakeState.DONE
            and take is not self._finished
            and self._now() < self._followed_at + take.pushed_s + MAY_SOUND_S
        )

    def _on_finished(self, take: Take) -> None:
        self._finished = take
        self._estimate.learn_end(take)

    def _estimated_s(self, take: Take) -> float:
        return self._estimate.position_s(take) if self.alive_at is None else 0.0

    def _on_malformed(self, error: WireError) -> None:
        """Log a dropped report: the first with each reason as a warning, others at debug level."""
        level = logging.DEBUG if error.reason in self._warned else logging.WARNING
        self._warned.add(error.reason)
        self._log.log(
            level, "avatar-core ignored a malformed playback report of %s: %s", self._worker, error
        )
