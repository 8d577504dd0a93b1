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
    """A record of one message, stream or track that was sent through a link.

    Attributes:
        at: The loop time in seconds.
        kind: One of data, rpc, open, write, close, audio, video.
        to: The identities of the receivers, joined by commas.
    """

    at: float
    kind: str
    to: str


class LinkSpy:
    """Replaces the sending methods of a link: records each call and makes some kinds of calls fail.

    Args:
        link: The link whose methods are replaced.

    Attributes:
        sent: A record of each call, in order.
        audio: The last audio track that was published.
        hang: The kinds whose calls never return.
        refuse: The kinds whose calls raise a `RoomError`.
        lossy: The kinds whose messages are dropped. RPCs of a lossy kind time out.
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
        """Record a call, and apply `hang` and `refuse`.

        Args:
            kind: The kind of the call, as in `SentItem.kind`.
            to: The identities of the receivers.

        Returns:
            Whether to deliver the message: False if the kind is in `lossy`.

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
        """Record the call and open a byte stream whose messages are recorded.

        Args:
            topic: The topic of the stream.
            to: The identities of the receivers.
            attributes: The attributes of the stream.

        Returns:
            A writer that records its calls.

        Raises:
            RoomError: `open` is in `refuse`, or the room is closed.
        """
        await self.record("open", to)
        writer = await self._originals["open_stream"](topic, to=to, attributes=attributes)
        return WriterSpy(self, writer, to)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Record the call and call an RPC method of a participant.

        Args:
            to: The identity of the participant.
            method: The name of the method.
            payload: The payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response.

        Raises:
            RoomError: `rpc` is in `refuse` or `lossy`, or the link raised the error.
        """
        if not await self.record("rpc", [to]):
            await asyncio.sleep(timeout_s)
            raise RoomError(f"The participant {to} did not respond within {timeout_s:g} s.")
        response: str = await self._originals["call"](to, method, payload, timeout_s=timeout_s)
        return response

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Record the call and send a data packet.

        Args:
            topic: The topic of the packet.
            payload: The content of the packet.
            to: The identities of the receivers.
            reliable: Whether lost packets are sent again.

        Raises:
            RoomError: `data` is in `refuse`, or the room is closed.
        """
        if await self.record("data", to):
            await self._originals["send"](topic, payload, to=to, reliable=reliable)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Record the call, publish an audio track and keep it in `audio`.

        Args:
            format: The format of the audio.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: `audio` is in `refuse`, or the room is closed.
        """
        await self.record("audio")
        audio: AudioTrack = await self._originals["publish_audio"](format, name=name)
        self.audio = audio
        return audio

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Record the call and publish a video track.

        Args:
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: `video` is in `refuse`, or the room is closed.
        """
        await self.record("video")
        video: VideoTrack = await self._originals["publish_video"](width, height, fps, name=name)
        return video


class WriterSpy(StreamWriter):
    """A stream writer that records its calls in a `LinkSpy`.

    Args:
        spy: The spy.
        writer: The writer that sends.
        to: The identities of the receivers.
    """

    def __init__(self, spy: LinkSpy, writer: StreamWriter, to: Sequence[str]) -> None:
        self._spy, self._writer, self._to = spy, writer, to

    async def write(self, data: bytes) -> None:
        """Record the call and send one message.

        Args:
            data: The message.

        Raises:
            RoomError: `write` is in `refuse`, or the room is closed.
        """
        if await self._spy.record("write", self._to):
            await self._writer.write(data)

    async def aclose(self, reason: str = "") -> None:
        """Record the call and end the stream.

        Args:
            reason: If not empty, the reader gets an error instead of a normal end.

        Raises:
            RoomError: `close` is in `refuse`, or the room is closed.
        """
        if await self._spy.record("close", self._to):
            await self._writer.aclose(reason)


class StreamLog:
    """Reads every incoming byte stream of a topic to its end.

    Args:
        link: The link that receives the streams.
        topic: The topic of the streams.

    Attributes:
        streams: The streams, in the order in which they were opened.
    """

    def __init__(self, link: MemoryLink, topic: str) -> None:
        self.streams: list[ReceivedStream] = []
        link.on_stream(topic, lambda _, reader: self.streams.append(ReceivedStream(reader)))

    def close(self) -> None:
        """Stop reading all streams."""
        for stream in self.streams:
            stream.task.cancel()


class ReceivedStream:
    """A byte stream that a task reads.

    Args:
        reader: The reader of the stream.

    Attributes:
        attributes: The attributes of the stream.
        chunks: The messages that were received so far.
        task: The task that reads the stream; it raises if the stream ends abnormally.
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
    """Return the context of a sink or a tracker for the participant `avatar`.

    Args:
        link: The agent's connection to the room.
        capabilities: Fields of the provider's `Capabilities`, by name.

    Returns:
        The context.

    Raises:
        TypeError: `Capabilities` has no such field.
    """
    return SinkContext(
        link=link,
        avatar=ProvisionedAvatar(session_id="s", identity="avatar"),
        capabilities=Capabilities(**capabilities),
        clock=loop_time,
        log=logging.LoggerAdapter(logging.getLogger("test"), {}),
    )


def make_take(pushed_s: float, *, ended: bool = False, cutting: bool = False) -> Take:
    """Return a take of segment 1 in a given state, for tests of a sink or a tracker.

    Args:
        pushed_s: Seconds of audio that the player has pushed.
        ended: Whether the player has pushed all audio.
        cutting: Whether the player has begun to cut the take.

    Returns:
        The take, in the format `MONO`.
    """
    take = Take(1, MONO)
    take.pushed_s, take.ended, take.cutting = pushed_s, ended, cutting
    return take
