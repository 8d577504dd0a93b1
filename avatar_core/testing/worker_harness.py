"""A room in memory with an agent, and the worker that serves it."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.contracts.streams import StreamWriter
from avatar_core.contracts.wire import Report
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.link_spy import LinkSpy
from avatar_core.testing.room.media import Run
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker

RATE = AudioFormat(24_000)
IDLE, TALK = VideoFrame(2, 2, bytes(16)), VideoFrame(2, 2, bytes(range(16)))


class ScriptedRenderer(Renderer):
    """Says what it is reported to, once for each chunk."""

    width, height, fps, audio = 2, 2, 25.0, RATE

    def __init__(self) -> None:
        self.response: Any = (TALK,)
        self.sizes: list[int] = []
        self.withdrawn: list[int] = []
        self.lasts = self.resets = self.closed = 0

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        self.sizes.append(len(chunk))
        self.lasts += last
        if isinstance(self.response, Exception):
            raise self.response
        if callable(self.response):
            return self.response(chunk)  # type: ignore[no-any-return]
        return self.response  # type: ignore[no-any-return]

    def idle(self) -> VideoFrame:
        return IDLE

    def discard(self, count: int) -> None:
        self.withdrawn.append(count)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


class SlowExecutor(InlineExecutor):
    """Draws on the loop, and takes its time over it."""

    each_s = 0.0

    async def __call__(self, work: Callable[[], Any], /) -> Any:
        await asyncio.sleep(self.each_s)
        return work()


class WorkerHarness:
    """An agent that hears all it is reported, and what a listener heard and saw of the worker.

    Args:
        agent: Whether the agent is in the room.
        stock_wire: Whether the worker is behind a `StockWireLink`.
    """

    def __init__(self, *, agent: bool = True, stock_wire: bool = False) -> None:
        self.room = MemoryRoom()
        self.agent = self.room.join("agent", is_agent=True)
        if not agent:
            self.room.remove("agent")
        self.link = self.room.join("avatar", attributes={wire.PUBLISH_ON_BEHALF: "agent"})
        self.tap = LinkSpy(self.link)
        self.shown: list[tuple[float, VideoFrame]] = []
        self.room.recording.watch = lambda _, frame: self.shown.append((now(), frame))
        self.renderer = ScriptedRenderer()
        self.executor = SlowExecutor()
        link = StockWireLink(self.link) if stock_wire else self.link
        self.worker = AvatarWorker(link, self.renderer, executor=self.executor)
        self.reports: list[tuple[float, Report]] = []
        self.turns: list[tuple[float, Report]] = []
        self.stock: list[tuple[float, str, Any]] = []
        self.listen()
        self.running = asyncio.create_task(self.worker.run())

    def listen(self) -> None:
        """Note what the agent is reported."""
        router = self.agent.router
        router.data(
            wire.REPORT_TOPIC,
            "avatar",
            lambda _, payload: self.reports.append((now(), Report.decode(payload))),
        )

        def turned(_: str, payload: str) -> str:
            self.turns.append((now(), Report.decode(payload)))
            return wire.OK

        def reported(method: str) -> Any:
            def handler(_: str, payload: str) -> str:
                self.stock.append((now(), method, json.loads(payload) if payload else None))
                return wire.OK

            return handler

        router.rpc(wire.TAKE_RPC, "avatar", turned)
        for method in (wire.PLAYBACK_STARTED, wire.PLAYBACK_FINISHED):
            router.rpc(method, "avatar", reported(method))

    async def say(self, pcm: bytes, id: str = "a", format: AudioFormat = RATE) -> StreamWriter:
        """Open a stream and send all of it."""
        attributes = wire.stream_attributes(format, id)
        if not id:
            del attributes[wire.TAKE_ATTRIBUTE]
        writer = await self.agent.open_stream(
            wire.AUDIO_STREAM, to=["avatar"], attributes=attributes
        )
        for start in range(0, len(pcm), 4800):
            await writer.write(pcm[start : start + 4800])
        return writer

    async def whole(self, duration_s: float, id: str = "a", format: AudioFormat = RATE) -> bytes:
        """Send a whole stream and wait until it has played."""
        pcm = speech(duration_s, format)
        await (await self.say(pcm, id, format)).aclose()
        await asyncio.sleep(duration_s + 0.3)
        return pcm

    async def clear(self) -> str:
        return await self.agent.call("avatar", wire.CLEAR_BUFFER, "", timeout_s=0.4)

    async def clear_take(self, id: str) -> None:
        await self.agent.send(wire.CLEAR_TOPIC, id.encode(), to=["avatar"])

    @property
    def runs(self) -> list[Run]:
        """The audio that a listener heard, one recording for each stretch without a gap."""
        assert {run.identity for run in self.room.recording.runs} <= {"avatar"}
        return self.room.recording.runs

    @property
    def heard(self) -> bytes:
        return b"".join(run.pcm for run in self.runs)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(report.take_id, report.state.value) for _, report in self.turns]

    def check_stopped(self) -> None:
        """Nothing is left of the worker."""
        assert self.renderer.closed == 1
        assert self.link.subscriptions == set()
        member = self.room.member("avatar")
        assert member is None or not member.tracks

    async def aclose(self) -> None:
        self.worker.stop()
        await asyncio.wait_for(self.running, 5.0)
        self.check_stopped()


def with_worker(test: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a test a harness whose worker is ready; fixtures live outside virtual time.

    The harness gets the test's parameter `stock_wire`, if it has one.
    """

    async def within(**params: Any) -> None:
        harness = WorkerHarness(stock_wire=params.get("stock_wire", False))
        await harness.worker.ready.wait()
        await asyncio.sleep(0.02)
        await test(harness, **params)
        await harness.aclose()

    within.__name__ = test.__name__
    signature = inspect.signature(test)
    within.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:]
    )
    return within
