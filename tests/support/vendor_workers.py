"""Workers of vendors in a room in memory: with LiveKit's stock wire, or with a web socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import Any, NamedTuple

import aiohttp

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.support.recording_vendor import Token
from tests.support.sdk_session import SdkWorker

FORMAT = AudioFormat(24_000)
CHUNK_S = 0.02


class StockWorkers:
    """Starts workers that use LiveKit's stock wire, in rooms in memory by name."""

    def __init__(self, *rooms: MemoryRoom) -> None:
        self._rooms = {room.name: room for room in rooms}

    async def __call__(self, token: Token) -> MemoryStockWorker:
        return MemoryStockWorker(self._rooms[token.room], token)


class MemoryStockWorker:
    """A stock-wire worker as a task in a room in memory."""

    def __init__(self, room: MemoryRoom, token: Token) -> None:
        self._room, self._identity = room, token.identity
        self._task = asyncio.create_task(self._work(token.attributes))

    async def kill(self) -> None:
        self._room.crash(self._identity)
        self._task.cancel()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _work(self, attributes: dict[str, str]) -> None:
        link = self._room.join(self._identity, is_agent=True, attributes=attributes)
        worker = AvatarWorker(StockWireLink(link), FlashRenderer(64, 64), executor=InlineExecutor())
        try:
            await worker.run()
        finally:
            await link.aclose()


class Message(NamedTuple):
    """A message of a web socket of aiohttp."""

    type: aiohttp.WSMsgType
    data: str


class SocketWorker:
    """A worker that receives audio over a web socket, with the events of LiveAvatar."""

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._track: Any = None
        self._task = asyncio.create_task(self._work())

    async def send_json(self, data: dict[str, Any]) -> None:
        kind = data["type"]
        if kind == "agent.speak":
            pcm = base64.b64decode(data["audio"])
            step = FORMAT.frame_bytes * round(FORMAT.rate_hz * CHUNK_S)
            for start in range(0, len(pcm), step):
                self._audio.put_nowait(pcm[start : start + step])
        elif kind == "agent.speak_end":
            self._audio.put_nowait(None)
        elif kind == "agent.interrupt":
            self._drop()
            self._tell("agent.speak_interrupted")

    async def receive(self) -> Message:
        return await self._inbox.get()

    async def close(self) -> None:
        self._inbox.put_nowait(Message(aiohttp.WSMsgType.CLOSED, ""))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    def _tell(self, kind: str, **more: str) -> None:
        self._inbox.put_nowait(Message(aiohttp.WSMsgType.TEXT, json.dumps({"type": kind, **more})))

    def _drop(self) -> None:
        while not self._audio.empty():
            self._audio.get_nowait()
        if self._track is not None:
            self._track.clear()

    async def _work(self) -> None:
        self._track = await self._link.publish_audio(FORMAT, name="avatar_audio")
        await self._link.publish_video(64, 64, 25.0, name="avatar_video")
        self._tell("session.state_updated", state="connected")
        speaking = False
        try:
            while True:
                pcm = await self._audio.get()
                if pcm is None:
                    await asyncio.sleep(self._track.queued_s)
                    speaking = False
                    self._tell("agent.speak_ended")
                    continue
                if not speaking:
                    speaking = True
                    self._tell("agent.speak_started")
                await self._track.capture(pcm)
        finally:
            with contextlib.suppress(Exception):
                await self._link.aclose()


class MemorySocketWorker:
    """A web socket worker as a task in a room in memory."""

    def __init__(self, room: MemoryRoom, token: Token) -> None:
        self._room, self._identity = room, token.identity
        link = room.join(token.identity, is_agent=True, attributes=token.attributes)
        self.socket = SocketWorker(link)

    async def kill(self) -> None:
        self._room.crash(self._identity)
        await self.socket.close()
        await self.socket.stop()

    async def aclose(self) -> None:
        await self.socket.stop()


class MemorySdkWorker:
    """The worker of a vendor's SDK in a room in memory."""

    def __init__(self, room: MemoryRoom, token: Token) -> None:
        self._room, self._identity = room, token.identity
        link = room.join(token.identity, is_agent=True, attributes=token.attributes)
        self.sdk = SdkWorker(link)

    async def kill(self) -> None:
        self._room.crash(self._identity)
        await self.sdk.stop()

    async def aclose(self) -> None:
        await self.sdk.stop()
