"""The WebSocket transport of avatar-core, with a far end that speaks the messages of a vendor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_messages import SocketOptions
from avatar_core.bases.socket_transport import SocketTransport
from avatar_core.bases.socket_wire import SocketClosedError, Wire
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.link_spy import MONO, sink_context
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.suites.transport.far_end import FarEnd, TransportParts
from avatar_core.testing.suites.transport.speaker import HeardPiece, Speaker
from avatar_core.testing.suites.transport_suite import TransportSuite
from tests.unit import socket_provider

REPORT_S = 0.1


class SocketFarEnd(FarEnd):
    """A vendor that plays the audio of one socket, and reports each 0.1 s of it."""

    def __init__(self) -> None:
        self._speaker = Speaker(MONO)
        self._wire: MemoryWire | None = None
        self._take_id = ""
        self._ended = self._silent = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, _: SocketAddress) -> Wire:
        client, self._wire = MemoryWire.make_pair()
        self._start(self._receive(self._wire))
        self._start(self._report())
        return client

    def heard(self) -> Sequence[HeardPiece]:
        return self._speaker.pieces

    def die(self) -> None:
        self._speaker.stop()
        self._silent = True
        if self._wire is not None:
            self._wire.abort()

    def fall_silent(self) -> None:
        self._speaker.stop()
        self._silent = True
        if self._wire is not None:
            self._wire.cut_off()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _receive(self, wire: Wire) -> None:
        await asyncio.sleep(1e9 if self.ready_s is None else self.ready_s)
        await self._send("ready", "", 0.0)
        try:
            while (message := await wire.receive()) is not None:
                self._obey(message)
        except SocketClosedError:
            return

    def _obey(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._speaker.play(message)
            return
        fields = json.loads(message)
        if fields["type"] == "begin":
            self._take_id, self._ended = fields["take"], False
            self._speaker.begin(self.start_s)
        elif fields["type"] == "end":
            self._ended = True
        elif fields["type"] == "cut" and self._take_id:
            self._speaker.stop()
            self._later(self.cut_s, "cut", self._take_id, self._speaker.position_s)
            self._take_id = ""

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            if not self._take_id or self._silent:
                continue
            await self._send("position", self._take_id, self._speaker.position_s)
            if self._ended and not self._speaker.queued_s:
                self._ended = False
                self._later(self.end_s, "finished", self._take_id, self._speaker.position_s)

    def _later(self, delay_s: float | None, kind: str, take_id: str, position_s: float) -> None:
        async def report() -> None:
            await asyncio.sleep(delay_s or 0.0)
            await self._send(kind, take_id, position_s)

        if delay_s is not None:
            self._start(report())

    async def _send(self, kind: str, take_id: str, position_s: float) -> None:
        if self._wire is not None and not self._silent:
            fields = {"type": kind, "take": take_id, "seconds": position_s}
            await self._wire.send(json.dumps(fields))

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)


class SocketSuite(TransportSuite):
    __test__ = False
    capabilities = Capabilities(audio=MONO, playout_latency_s=0.1, run_ahead_s=0.5)

    async def create(self) -> TransportParts:
        far_end, room = SocketFarEnd(), MemoryRoom()
        avatar = room.join("avatar")
        await avatar.publish_audio(MONO, name="audio")
        await avatar.publish_video(64, 64, 25.0, name="video")
        ctx = replace(sink_context(room.agent()), capabilities=self.capabilities)
        transport = SocketTransport(
            "wire",
            ctx,
            socket_provider.Wire(socket_provider.WireSettings()),
            SocketAddress(url=SecretStr("wss://vendor.invalid/socket")),
            SocketOptions(waits_for_ready=True),
            far_end.connect,
        )
        return TransportParts(transport.sink, transport.tracker, far_end)
