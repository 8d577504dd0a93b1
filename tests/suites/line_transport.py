"""A complete transport over a line in memory: the correct example, which mutants alter.

The sink sends audio, and the far end plays it 30 ms later and sends its position 10 times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from avatar_core.contracts.errors import AvatarLostError
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.sink import AudioSink
from avatar_core.testing.suites.transport.far_end import FarEnd, TransportParts
from avatar_core.testing.suites.transport.speaker import HeardPiece, Speaker
from avatar_core.testing.suites.transport_suite import TransportSuite

LATENCY_S = 0.03
REPORT_S = 0.1
SEND_S = 0.002
CUT_LIMIT_S = CLOSE_LIMIT_S = 0.3
BUFFER = 4
"""Messages that the line accepts before the far end reads them."""
CLOSED = "the line is closed."


class Line:
    """Both directions of a connection; each message arrives after `LATENCY_S`."""

    def __init__(self) -> None:
        self.open = True
        self.ready = asyncio.Event()
        self.to_far_end: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue(BUFFER)
        self.on_message: Callable[..., None] = lambda *_: None

    async def send(self, *message: Any) -> None:
        if not self.open:
            raise AvatarLostError(CLOSED)
        await asyncio.sleep(SEND_S)
        await self.to_far_end.put(message)

    def report(self, *message: Any) -> None:
        if self.open:
            asyncio.get_running_loop().call_later(LATENCY_S, self._deliver, message)

    def _deliver(self, message: tuple[Any, ...]) -> None:
        if self.open:
            self.on_message(*message)


class LineSink(AudioSink):
    def __init__(self, line: Line) -> None:
        self._line = line
        self._take_id = ""

    async def open(self) -> None:
        await self._line.ready.wait()

    async def begin(self, take: Take) -> None:
        self._take_id = take.id
        await self._line.send("begin", take.id)

    async def push(self, chunk: bytes) -> None:
        await self._line.send("audio", self._take_id, chunk)

    async def end(self, take: Take) -> None:
        await self._line.send("end", take.id)

    async def cut(self, take: Take) -> None:
        try:
            async with asyncio.timeout(CUT_LIMIT_S):
                await self._line.send("cut", take.id)
        except TimeoutError as error:
            raise AvatarLostError("the line accepts no message.") from error

    async def aclose(self) -> None:
        with suppress(AvatarLostError, TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await self._line.send("bye", "")


class LineTracker(PlaybackTracker):
    heartbeat_s = 0.15

    def __init__(self, line: Line) -> None:
        self._line = line
        self._take: Take | None = None
        self._alive_at: float | None = None
        line.on_message = self._on_message

    @property
    def alive_at(self) -> float | None:
        return self._alive_at

    def follow(self, take: Take) -> None:
        self._take = take

    async def aclose(self) -> None:
        self._line.on_message = lambda *_: None

    def _on_message(self, take_id: str, position_s: float, state: TakeState | None) -> None:
        self._alive_at = asyncio.get_running_loop().time()
        take = self._take
        if take is None or take.id != take_id:
            return
        take.report(position_s, state)


class LineFarEnd(FarEnd):
    def __init__(self, line: Line, suite: TransportSuite) -> None:
        self._line = line
        self._speaker = Speaker(suite.format)
        self._take_id = ""
        self._ended = self._stopped = False
        self._silent = False
        self._tasks = [asyncio.create_task(self._serve()), asyncio.create_task(self._report())]

    def heard(self) -> Sequence[HeardPiece]:
        return self._speaker.pieces

    def die(self) -> None:
        self._line.open = False
        self._speaker.stop()

    def fall_silent(self) -> None:
        self._silent = True
        self._speaker.stop()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self) -> None:
        if self.ready_s is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(self.ready_s)
        self._line.ready.set()
        while not self._silent:
            message, take_id, *rest = await self._line.to_far_end.get()
            await asyncio.sleep(0.001)
            if not self._line.open or self._silent:
                continue
            if message == "begin":
                self._take_id, self._ended, self._stopped = take_id, False, False
                self._speaker.begin(max(LATENCY_S, self.start_s))
            elif take_id != self._take_id or self._stopped:
                continue
            elif message == "audio":
                self._speaker.play(rest[0])
            elif message == "end":
                self._ended = True
            elif message == "cut":
                self._speaker.stop()
                self._stopped = True
                self._later(self.cut_s, (take_id, self._speaker.position_s, TakeState.CUT))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            if self._silent or self._stopped or not self._line.open:
                continue
            position_s = self._speaker.position_s
            self._line.report(self._take_id, position_s, None)
            if self._ended and self._speaker.queued_s == 0:
                self._ended = False
                self._later(self.end_s, (self._take_id, position_s, TakeState.DONE))

    def _later(self, delay_s: float | None, report: tuple[Any, ...]) -> None:
        if delay_s is not None:
            asyncio.get_running_loop().call_later(delay_s, self._line.report, *report)


class LineSuite(TransportSuite):
    """The suite of the transport; `__test__` hides it from pytest, which collects a subclass."""

    __test__ = False

    async def create(self) -> TransportParts:
        line = Line()
        return TransportParts(LineSink(line), LineTracker(line), LineFarEnd(line, self))
