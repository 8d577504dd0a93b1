"""A link around a link: what every decorator of a RoomLink forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import (
    AudioTrack,
    DataHandler,
    RemoteParticipant,
    RoomEventHandler,
    RoomLink,
    RpcHandler,
    StreamHandler,
    StreamWriter,
    Unsubscribe,
    VideoTrack,
)
from avatar_core.router import SenderRouter


class LinkWrapper(RoomLink):
    """Does what the wrapped link does; subclasses override what they change.

    Args:
        link: The link that is wrapped.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self.router = SenderRouter(self)

    @property
    def identity(self) -> str:
        """As the link."""
        return self._link.identity

    @property
    def room_name(self) -> str:
        """As the link."""
        return self._link.room_name

    @property
    def attributes(self) -> Mapping[str, str]:
        """As the link."""
        return self._link.attributes

    @property
    def connected(self) -> bool:
        """As the link."""
        return self._link.connected

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """As the link."""
        return self._link.remote_participants()

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """As the link."""
        return self._link.watch(handler)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """As the link."""
        return await self._link.open_stream(topic, to=to, attributes=attributes)

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """As the link."""
        return self._link.on_stream(topic, handler)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """As the link."""
        return await self._link.call(to, method, payload, timeout_s=timeout_s)

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """As the link."""
        return self._link.serve(method, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """As the link."""
        await self._link.send(topic, payload, to=to, reliable=reliable)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """As the link."""
        return self._link.on_data(topic, handler)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """As the link."""
        return await self._link.publish_audio(format, name=name)

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """As the link."""
        return await self._link.publish_video(width, height, fps, name=name)

    async def aclose(self) -> None:
        """As the link."""
        await self._link.aclose()
