"""Helpers for tests of a room link: a spy, a log of streams, a sink context and takes."""

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
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.contracts.streams import StreamReader, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.testing.clock import now
from avatar_core.testing.room.link import MemoryLink

MONO = AudioFormat(24_000)
REFUSED = 1401


@dataclass(frozen=True)
class SentItem:
    """Something that was sent through a link.

    Attributes:
        at: Seconds on the loop's clock.
        kind: One of data, rpc, open, write, close, audio, video.
        to: The identities of the receivers, joined by commas.
    """

    at: float
    kind: str
    to: str


class LinkSpy:
    """Replaces the sending methods of a link: records each call, and makes chosen kinds fail.

    Args:
        link: The link to spy on.

    Attributes:
        sent: What was sent, in order.
        audio: The last audio track that was published.
        hang: Kinds whose calls never return.
        refuse: Kinds whose calls raise a `RoomError`.
        lossy: Kinds that are accepted but not delivered.
    """

    def __init__(self, link: MemoryLink) -> None:
        self.sent: list[SentItem] = []
        self.audio: AudioTrack | None = None
        self.hang: set[str] = set()
        self.refuse: set[str] = set()
        self.lossy: set[str] = set()
        self._originals = {
            name: getattr(link, name)
            for name in ("open_stream", "call", "send", "publish_audio", "publish_video")
        }
        for name in self._originals:
            setattr(link, name, getattr(self, name))

    async def record(self, kind: str, to: Sequence[str] = ()) -> bool:
        """Record that something is sent, and apply `hang`, `refuse` and `lossy`.

        Args:
            kind: What is sent.
            to: The identities of the receivers.

        Returns:
            Whether to deliver it.

        Raises:
            RoomError: The kind is in `refuse`.
        """
        self.sent.append(SentItem(now(), kind, ",".join(to)))
        if kind in self.hang:
            await asyncio.Event().wait()
        if kind in self.refuse:
            raise RoomError(
                f"The room refused an operation of the kind {kind!r}.", rpc_code=REFUSED
            )
        return kind not in self.lossy

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream whose messages are recorded.

        Args:
            topic: The topic of the stream.
            to: The identities of the receivers.
            attributes: The attributes of the stream.

        Returns:
            A writer that records.

        Raises:
            RoomError: `open` is in `refuse`, or the room closed.
        """
        await self.record("open", to)
        writer = await self._originals["open_stream"](topic, to=to, attributes=attributes)
        return WriterSpy(self, writer, to)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant.

        Args:
            to: The identity of the participant.
            method: The name of the method.
            payload: The payload.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response.

        Raises:
            RoomError: `rpc` is in `refuse` or `lossy`, or the link raised it.
        """
        if not await self.record("rpc", [to]):
            await asyncio.sleep(timeout_s)
            raise RoomError(f"The participant {to} did not respond within {timeout_s:g} s.")
        response: str = await self._originals["call"](to, method, payload, timeout_s=timeout_s)
        return response

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet.

        Args:
            topic: The topic of the packet.
            payload: The payload.
            to: The identities of the receivers.
            reliable: Whether it must arrive.

        Raises:
            RoomError: `data` is in `refuse`, or the room closed.
        """
        if await self.record("data", to):
            await self._originals["send"](topic, payload, to=to, reliable=reliable)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish an audio track and keep it in `audio`.

        Args:
            format: The format of the audio.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: `audio` is in `refuse`, or the room closed.
        """
        await self.record("audio")
        audio: AudioTrack = await self._originals["publish_audio"](format, name=name)
        self.audio = audio
        return audio

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a video track.

        Args:
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: `video` is in `refuse`, or the room closed.
        """
        await self.record("video")
        video: VideoTrack = await self._originals["publish_video"](width, height, fps, name=name)
        return video


class WriterSpy(StreamWriter):
    """A stream writer whose messages a `LinkSpy` records.

    Args:
        spy: The spy.
        writer: The writer that sends.
        to: The identities of the receivers.
    """

    def __init__(self, spy: LinkSpy, writer: StreamWriter, to: Sequence[str]) -> None:
        self._spy, self._writer, self._to = spy, writer, to

    async def write(self, data: bytes) -> None:
        """Send one message.

        Args:
            data: The message.

        Raises:
            RoomError: `write` is in `refuse`, or the room closed.
        """
        if await self._spy.record("write", self._to):
            await self._writer.write(data)

    async def aclose(self, reason: str = "") -> None:
        """End the stream.

        Args:
            reason: A reason makes it an abnormal end.

        Raises:
            RoomError: `close` is in `refuse`, or the room closed.
        """
        if await self._spy.record("close", self._to):
            await self._writer.aclose(reason)


class StreamLog:
    """Reads every incoming byte stream of a topic to its end.

    Args:
        link: The link that receives.
        topic: The topic of the streams.

    Attributes:
        streams: The streams, in the order in which they were opened.
    """

    def __init__(self, link: MemoryLink, topic: str) -> None:
        self.streams: list[ReceivedStream] = []
        link.on_stream(topic, lambda _, reader: self.streams.append(ReceivedStream(reader)))

    def close(self) -> None:
        """Stop reading."""
        for stream in self.streams:
            stream.task.cancel()


class ReceivedStream:
    """A byte stream that is read in a task.

    Args:
        reader: The reader of the stream.

    Attributes:
        attributes: The attributes of the stream.
        chunks: The messages so far.
        task: Reads the stream; it raises if the stream ends abnormally.
    """

    def __init__(self, reader: StreamReader) -> None:
        self.attributes = reader.attributes
        self.chunks: list[bytes] = []
        self.task = asyncio.create_task(self._read(reader))

    @property
    def complete(self) -> bool:
        """Whether the sender ended the stream normally."""
        return self.task.done() and self.task.exception() is None

    async def _read(self, reader: StreamReader) -> None:
        async for chunk in reader:
            self.chunks.append(chunk)


def sink_context(link: MemoryLink, **capabilities: Any) -> SinkContext:
    """Return the context of a sink or tracker towards the participant `avatar`.

    Args:
        link: The agent's connection to the room.
        capabilities: Fields of the provider's `Capabilities`.
    """
    return SinkContext(
        link=link,
        avatar=ProvisionedAvatar(session_id="s", identity="avatar"),
        capabilities=Capabilities(**capabilities),
        clock=loop_time,
        log=logging.LoggerAdapter(logging.getLogger("test"), {}),
    )


def make_take(pushed_s: float, *, ended: bool = False, cutting: bool = False) -> Take:
    """Return a take of segment 1 as the player leaves it.

    Args:
        pushed_s: Seconds that were pushed.
        ended: Whether all its audio was pushed.
        cutting: Whether it is being cut.
    """
    take = Take(1, MONO)
    take.pushed_s, take.ended, take.cutting = pushed_s, ended, cutting
    return take
