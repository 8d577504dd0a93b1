"""Links of a room in memory as tests need them: overheard, at fault, and behind a context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import AudioTrack, StreamReader, StreamWriter, VideoTrack
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.testing.clock import now
from avatar_core.testing.room.link import MemoryLink

MONO = AudioFormat(24_000)
REFUSED = 1401


@dataclass(frozen=True)
class Sent:
    """What a link was given: `kind` is one of data, rpc, open, write, close, audio, video."""

    at: float
    kind: str
    to: str


class Tap:
    """Sits on a link: notes all that is sent, and lets go wrong what the test names.

    Attributes:
        sent: In order.
        audio: The last audio track that was published.
        hang: Kinds that never come back.
        refuse: Kinds that raise.
        lossy: Kinds that are taken, and arrive nowhere.
    """

    def __init__(self, link: MemoryLink) -> None:
        self.sent: list[Sent] = []
        self.audio: AudioTrack | None = None
        self.hang: set[str] = set()
        self.refuse: set[str] = set()
        self.lossy: set[str] = set()
        self._through = {
            name: getattr(link, name)
            for name in ("open_stream", "call", "send", "publish_audio", "publish_video")
        }
        for name in self._through:
            setattr(link, name, getattr(self, name))

    async def goes(self, kind: str, to: Sequence[str] = ()) -> bool:
        """Whether it arrives, if it comes back at all."""
        self.sent.append(Sent(now(), kind, ",".join(to)))
        if kind in self.hang:
            await asyncio.Event().wait()
        if kind in self.refuse:
            raise RoomError(f"the room takes no {kind}.", rpc_code=REFUSED)
        return kind not in self.lossy

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        await self.goes("open", to)
        writer = await self._through["open_stream"](topic, to=to, attributes=attributes)
        return TappedWriter(self, writer, to)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        if not await self.goes("rpc", [to]):
            await asyncio.sleep(timeout_s)
            raise RoomError("no answer in time")
        reply: str = await self._through["call"](to, method, payload, timeout_s=timeout_s)
        return reply

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        if await self.goes("data", to):
            await self._through["send"](topic, payload, to=to, reliable=reliable)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        await self.goes("audio")
        audio: AudioTrack = await self._through["publish_audio"](format, name=name)
        self.audio = audio
        return audio

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        await self.goes("video")
        video: VideoTrack = await self._through["publish_video"](width, height, fps, name=name)
        return video


class TappedWriter(StreamWriter):
    """A writer whose messages the tap sees."""

    def __init__(self, tap: Tap, writer: StreamWriter, to: Sequence[str]) -> None:
        self._tap, self._writer, self._to = tap, writer, to

    async def write(self, data: bytes) -> None:
        if await self._tap.goes("write", self._to):
            await self._writer.write(data)

    async def aclose(self, reason: str = "") -> None:
        if await self._tap.goes("close", self._to):
            await self._writer.aclose(reason)


class Readings:
    """Every stream that comes in, read to its end."""

    def __init__(self, link: MemoryLink, topic: str) -> None:
        self.all: list[Reading] = []
        link.on_stream(topic, lambda _, reader: self.all.append(Reading(reader)))

    def close(self) -> None:
        """Read no further."""
        for reading in self.all:
            reading.task.cancel()


class Reading:
    """One stream: its chunks, and how it ended, if it did."""

    def __init__(self, reader: StreamReader) -> None:
        self.attributes = reader.attributes
        self.chunks: list[bytes] = []
        self.task = asyncio.create_task(self._read(reader))

    @property
    def complete(self) -> bool:
        """Its sender ended it as it should."""
        return self.task.done() and self.task.exception() is None

    async def _read(self, reader: StreamReader) -> None:
        async for chunk in reader:
            self.chunks.append(chunk)


def context(link: MemoryLink, **capabilities: Any) -> SinkContext:
    """For a sink or tracker towards the participant `avatar`."""
    return SinkContext(
        link=link,
        avatar=ProvisionedAvatar(session_id="s", identity="avatar"),
        capabilities=Capabilities(**capabilities),
        clock=loop_time,
        log=logging.LoggerAdapter(logging.getLogger("test"), {}),
    )


def take_of(pushed_s: float, *, ended: bool = False, cutting: bool = False) -> Take:
    """A take as a tracker meets it."""
    take = Take(1, MONO)
    take.pushed_s, take.ended, take.cutting = pushed_s, ended, cutting
    return take
