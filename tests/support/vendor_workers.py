"""Workers of vendors: with LiveKit's stock wire, behind a web socket, or behind an SDK."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.wire import PLAYBACK_FINISHED, PLAYBACK_STARTED, PUBLISH_ON_BEHALF
from avatar_core.testing.fake_vendor.launcher import RENDERER
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import admit
from avatar_core.worker.process import stop_worker
from tests.support.recording_vendor import Token

FORMAT = AudioFormat(24_000)
CHUNK_S = 0.02
RPC_S = 5.0
SMALL = {"width": 64, "height": 64}
STOCK = Scenario.parse("stock=1")


class StockWorker:
    """A worker with LiveKit's stock wire.

    Args:
        state: The record of the worker.
        crash: Ends the worker like a killed process.
    """

    def __init__(self, state: Mapping[str, Any], crash: Callable[[], None]) -> None:
        self._state, self._crash = state, crash

    @classmethod
    async def start(cls, room: MemoryRoom, token: Token) -> StockWorker:
        """Start a worker as a task in a room in memory."""
        state = await start_faulty_task(
            room, RENDERER, token=token.text, options=SMALL, scenario=STOCK
        )
        return cls(state, partial(room.crash, token.identity))

    async def kill(self) -> None:
        self._crash()
        await self.aclose()

    async def aclose(self) -> None:
        await stop_worker(self._state)


class PlayingWorker(ABC):
    """A worker that plays the audio of its vendor's own transport.

    Args:
        link: The worker's link to the room.
        crash: Ends the worker like a killed process; None if it can only leave the room.
    """

    def __init__(self, link: RoomLink, crash: Callable[[], None] | None = None) -> None:
        self._link = link
        self._crash = crash
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._track: Any = None
        self._played_s = 0.0
        self._task = asyncio.create_task(self._work(), name="worker of a vendor")

    @classmethod
    def join(cls, room: MemoryRoom, token: Token) -> PlayingWorker:
        """Join a room in memory."""
        return cls(admit(room, token.text), partial(room.crash, token.identity))

    async def kill(self) -> None:
        if self._crash is not None:
            self._crash()
        await self.aclose()

    async def aclose(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    def push(self, pcm: bytes) -> None:
        """Add audio to the current segment."""
        size = FORMAT.size(CHUNK_S)
        for start in range(0, len(pcm), size):
            self._audio.put_nowait(pcm[start : start + size])

    def end(self) -> None:
        """End the current segment."""
        self._audio.put_nowait(None)

    async def cut(self) -> None:
        """Drop the audio that was not played, and report the position."""
        while not self._audio.empty():
            self._audio.get_nowait()
        played_s, self._played_s = self._played_s, 0.0
        if self._track is not None:
            played_s -= self._track.queued_s
            self._track.clear()
        await self._report_finish(played_s, interrupted=True)

    async def _work(self) -> None:
        self._track = await self._link.publish_audio(FORMAT, name="avatar_audio")
        await self._link.publish_video(64, 64, 25.0, name="avatar_video")
        self._report_ready()
        try:
            while True:
                pcm = await self._audio.get()
                if pcm is not None:
                    await self._track.capture(pcm)
                    if self._played_s == 0.0:
                        await self._report_start()
                    self._played_s += FORMAT.duration_s(len(pcm))
                elif self._played_s:
                    await asyncio.sleep(self._track.queued_s)
                    played_s, self._played_s = self._played_s, 0.0
                    await self._report_finish(played_s, interrupted=False)
        finally:
            with contextlib.suppress(Exception):
                await self._link.aclose()

    def _report_ready(self) -> None:
        """Tell the plugin that the tracks are published; by default, nothing is sent."""
        return

    @abstractmethod
    async def _report_start(self) -> None: ...

    @abstractmethod
    async def _report_finish(self, position_s: float, *, interrupted: bool) -> None: ...


class SdkWorker(PlayingWorker):
    """A worker behind an SDK, which reports to the agent by RPC."""

    async def _report_start(self) -> None:
        await self._call(PLAYBACK_STARTED, {})

    async def _report_finish(self, position_s: float, *, interrupted: bool) -> None:
        report = {"playback_position": position_s, "interrupted": interrupted}
        await self._call(PLAYBACK_FINISHED, report)

    async def _call(self, method: str, payload: dict[str, Any]) -> None:
        agent = self._link.attributes[PUBLISH_ON_BEHALF]
        with contextlib.suppress(RoomError):
            await self._link.call(agent, method, json.dumps(payload), timeout_s=RPC_S)


class Message(NamedTuple):
    """A message of a web socket of aiohttp."""

    type: aiohttp.WSMsgType
    data: str


class SocketWorker(PlayingWorker):
    """A worker behind a web socket with the events of LiveAvatar, and the plugin's end of it."""

    def __init__(self, link: RoomLink, crash: Callable[[], None] | None = None) -> None:
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        super().__init__(link, crash)

    async def send_json(self, data: dict[str, Any]) -> None:
        kind = data["type"]
        if kind == "agent.speak":
            self.push(base64.b64decode(data["audio"]))
        elif kind == "agent.speak_end":
            self.end()
        elif kind == "agent.interrupt":
            await self.cut()

    async def receive(self) -> Message:
        return await self._inbox.get()

    async def close(self) -> None:
        self._inbox.put_nowait(Message(aiohttp.WSMsgType.CLOSED, ""))

    async def kill(self) -> None:
        await self.close()
        await super().kill()

    def _report_ready(self) -> None:
        self._tell("session.state_updated", state="connected")

    async def _report_start(self) -> None:
        self._tell("agent.speak_started")

    async def _report_finish(self, position_s: float, *, interrupted: bool) -> None:
        self._tell("agent.speak_interrupted" if interrupted else "agent.speak_ended")

    def _tell(self, kind: str, **more: str) -> None:
        self._inbox.put_nowait(Message(aiohttp.WSMsgType.TEXT, json.dumps({"type": kind, **more})))
