"""Base of the classes that wrap a room link and change part of its behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import (
    DataHandler,
    RemoteParticipant,
    RoomEventHandler,
    RoomLink,
    RpcHandler,
    Unsubscribe,
)
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.router import SenderRouter


class LinkWrapper(RoomLink):
    """A room link that forwards everything to another one; subclasses override methods.

    Args:
        link: The wrapped link.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self.router = SenderRouter(self)

    @property
    def identity(self) -> str:
        """Our own identity."""
        return self._link.identity

    @property
    def room_name(self) -> str:
        """The room's name."""
        return self._link.room_name

    @property
    def attributes(self) -> Mapping[str, str]:
        """Our own attributes."""
        return self._link.attributes

    @property
    def connected(self) -> bool:
        """Whether the room can be used now."""
        return self._link.connected

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants by identity."""
        return self._link.remote_participants()

    @property
    def has_listener(self) -> bool:
        """Whether a participant that is a listener is in the room."""
        return self._link.has_listener

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call `handler` at each event from now on."""
        return self._link.watch(handler)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream."""
        return await self._link.open_stream(topic, to=to, attributes=attributes)

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive byte streams of a topic."""
        return self._link.on_stream(topic, handler)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call a participant's RPC method."""
        return await self._link.call(to, method, payload, timeout_s=timeout_s)

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Serve an RPC method."""
        return self._link.serve(method, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet."""
        await self._link.send(topic, payload, to=to, reliable=reliable)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive data packets of a topic."""
        return self._link.on_data(topic, handler)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track."""
        return await self._link.publish_audio(format, name=name)

    async def wait_for_subscriber(self) -> None:
        """Wait until a participant subscribes to a silent track."""
        await self._link.wait_for_subscriber()

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track."""
        return await self._link.publish_video(width, height, fps, name=name)

    async def aclose(self) -> None:
        """Leave the room."""
        await self._link.aclose()
