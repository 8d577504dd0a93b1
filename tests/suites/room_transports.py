"""The transports of avatar-core in a room in memory: byte streams to a worker, and the voice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from avatar_core.contracts import wire
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.streams import StreamHandler
from avatar_core.playback.byte_stream import ByteStreamSink, ByteStreamTracker
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.voice import VOICE_FORMAT, VoiceSink
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.testing.faults.link_wrapper import LinkWrapper
from avatar_core.testing.link_spy import MONO, sink_context
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_renderer import ScriptedRenderer
from avatar_core.testing.suites.transport.far_end import FAULTS, FarEnd, TransportParts
from avatar_core.testing.suites.transport.speaker import HeardPiece
from avatar_core.testing.suites.transport_suite import TransportSuite
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker

LOCAL = "the track belongs to the agent itself"


class LateLink(LinkWrapper):
    """A worker's link that delays or drops reports of ends, and delays the audio of each take."""

    def __init__(self, link: object, far_end: WorkerFarEnd) -> None:
        super().__init__(link)  # type: ignore[arg-type]
        self._far_end = far_end

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        loop = asyncio.get_running_loop()
        return self._link.on_stream(
            topic,
            lambda sender, reader: loop.call_later(self._far_end.start_s, handler, sender, reader),
        )

    async def send(self, topic: str, payload: bytes, *, to: Sequence[str]) -> None:
        if topic == wire.REPORT_TOPIC:
            report = wire.Report.decode(payload)
            if report.state is TakeState.CUT:
                payload = replace(report, state=TakeState.PLAYING).encode()
        await self._link.send(topic, payload, to=to)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        state = wire.Report.decode(payload).state if method == wire.TAKE_RPC else TakeState.OPEN
        delays = {TakeState.CUT: self._far_end.cut_s, TakeState.DONE: self._far_end.end_s}
        delay_s = delays.get(state, 0.0)
        if delay_s is None:
            return wire.OK
        await asyncio.sleep(delay_s)
        return await self._link.call(to, method, payload, timeout_s=timeout_s)


class RoomFarEnd(FarEnd):
    """A far end in a room in memory, whose listener hears one participant."""

    def __init__(self, identity: str) -> None:
        self.room = MemoryRoom()
        self.agent = self.room.join("agent", is_agent=True)
        self.room.listen()
        self._identity = identity

    def heard(self) -> Sequence[HeardPiece]:
        return [HeardPiece(run.at_s, bytes(run.pcm)) for run in self.room.recording.runs]

    def die(self) -> None:
        self.room.remove("agent")

    def fall_silent(self) -> None:
        member = self.room.member(self._identity)
        assert member is not None
        member.link.freeze()


class WorkerFarEnd(RoomFarEnd):
    """avatar-core's own worker."""

    def __init__(self) -> None:
        super().__init__("avatar")
        self._running = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        self._running.cancel()
        await asyncio.wait({self._running})

    async def _run(self) -> None:
        await asyncio.sleep(1e9 if self.ready_s is None else self.ready_s)
        link = self.room.join("avatar", attributes={wire.PUBLISH_ON_BEHALF: "agent"})
        worker = AvatarWorker(LateLink(link, self), ScriptedRenderer(), executor=InlineExecutor())
        await worker.run()


class VoiceFarEnd(RoomFarEnd):
    """The room that plays the agent's own track."""

    impossible: ClassVar[dict[str, str]] = dict.fromkeys(FAULTS, LOCAL)

    def __init__(self) -> None:
        super().__init__("agent")


class ByteStreamSuite(TransportSuite):
    __test__ = False
    capabilities = Capabilities(audio=MONO, playout_latency_s=0.1, run_ahead_s=0.5)
    collects = False

    async def create(self) -> TransportParts:
        far_end = WorkerFarEnd()
        ctx = replace(sink_context(far_end.agent), capabilities=self.capabilities)
        return TransportParts(ByteStreamSink(ctx), ByteStreamTracker(ctx), far_end)


class VoiceSuite(TransportSuite):
    __test__ = False
    capabilities = Capabilities(audio=VOICE_FORMAT, playout_latency_s=0.0, run_ahead_s=0.2)
    collects = False
    accuracy_s = 0.05

    async def create(self) -> TransportParts:
        far_end = VoiceFarEnd()
        sink = VoiceSink(far_end.agent)
        tracker = ClockTracker(sink.played_s, is_cut=sink.was_cut, tail_s=PLAYOUT_TAIL_S)
        return TransportParts(sink, tracker, far_end)
