"""RoomLink over a MemoryRoom."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from functools import partial

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import (
    DataHandler,
    RemoteParticipant,
    RoomEvent,
    RoomEventHandler,
    RoomLink,
    RpcHandler,
    Unsubscribe,
)
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.provisioning.context import SessionContext
from avatar_core.router import SenderRouter
from avatar_core.settings import AvatarSettings
from avatar_core.testing.room.context import memory_context
from avatar_core.testing.room.media import MemoryAudioTrack, MemoryVideoTrack
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.streams import MemoryReader, MemoryWriter

ACK_S = 7.0
"""A call to nobody is given up after this, with 1501."""
UNSUPPORTED, APPLICATION, NO_RESPONSE = 1400, 1500, 1501


class MemoryLink(RoomLink):
    """A participant's place in a MemoryRoom."""

    def __init__(self, room: Hub, identity: str, attributes: Mapping[str, str]) -> None:
        self.room = room
        self.router = SenderRouter(self)
        self._identity, self._attributes = identity, attributes
        self._connected = True
        self._frozen = False
        self._watchers: list[RoomEventHandler] = []
        self._streams: dict[str, StreamHandler] = {}
        self._rpc: dict[str, RpcHandler] = {}
        self._data: dict[str, DataHandler] = {}
        self._readers: list[MemoryReader] = []
        self._writers: list[MemoryWriter] = []
        self._tracks: list[MemoryAudioTrack | MemoryVideoTrack] = []
        self._responding: set[asyncio.Task[str]] = set()

    @property
    def identity(self) -> str:
        """Our own identity."""
        return self._identity

    @property
    def room_name(self) -> str:
        """The room's name."""
        return self.room.name

    @property
    def attributes(self) -> Mapping[str, str]:
        """Our own attributes."""
        return self._attributes

    @property
    def connected(self) -> bool:
        """Whether the room can be used now."""
        return self._connected

    @property
    def subscriptions(self) -> set[str]:
        """Topics and methods that have a handler, and `presence` where somebody watches."""
        return {*self._streams, *self._rpc, *self._data, *(["presence"] * bool(self._watchers))}

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """The other participants by identity."""
        return self.room.participants_for(self._identity)

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call `handler` at each event from now on."""
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return the context for avatars of this participant."""
        return memory_context(self, self.room, settings)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream for `to` alone."""
        await self.use()
        writer = MemoryWriter(self.use, self.room.later)
        self._writers.append(writer)

        def header() -> None:
            for identity in to:
                if (member := self.room.member(identity)) and not writer.broken:
                    writer.readers.extend(member.link.receive(topic, self._identity, attributes))

        self.room.later(header)
        return writer

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive byte streams of a topic."""
        if topic in self._streams:
            raise ValueError(f"byte stream handler for topic '{topic}' already set")
        self._streams[topic] = handler
        return lambda: self._streams.pop(topic, None) and None

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call a participant's RPC method; calls of one moment have no order, as on a server."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.use()
                await asyncio.sleep(self.room.latency_s)
                member = self.room.member(to)
                if member is None:
                    await asyncio.sleep(ACK_S)
                    raise RoomError(f"{method} to {to} failed (no one).", rpc_code=NO_RESPONSE)
                task = asyncio.create_task(member.link.respond(self._identity, method, payload))
                self._responding.add(task)
                task.add_done_callback(self._responding.discard)
                response = await asyncio.shield(task)
                await asyncio.sleep(self.room.latency_s)
                return response
        except TimeoutError as error:
            raise RoomError(f"{method} to {to} got no response within {timeout_s:g} s.") from error

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Answer an RPC method."""
        self._rpc[method] = handler
        return lambda: self._rpc.pop(method, None) and None

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet."""
        await self.use()

        def arrive() -> None:
            for identity in to:
                if member := self.room.member(identity):
                    member.link.take_in(topic, self._identity, bytes(payload))

        self.room.later(arrive)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive data packets of a topic."""
        self._data[topic] = handler
        return lambda: self._data.pop(topic, None) and None

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track."""
        await self.use()
        unpublish = partial(self.room.published, self._identity, "audio", unpublished=True)
        audio = MemoryAudioTrack(self._identity, format, self.room.recording, unpublish)
        self._tracks.append(audio)
        self.room.published(self._identity, "audio")
        return audio

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track."""
        await self.use()
        unpublish = partial(self.room.published, self._identity, "video", unpublished=True)
        video = MemoryVideoTrack(self._identity, self.room.recording, unpublish)
        self._tracks.append(video)
        self.room.published(self._identity, "video")
        return video

    async def aclose(self) -> None:
        """Leave the room; who leaves by itself is not told so."""
        self._watchers.clear()
        if self._connected:
            self.room.remove(self._identity)

    # What the room does with a link.

    async def use(self) -> None:
        """Go through the link: raises where the room is gone, and never ends while frozen."""
        await asyncio.sleep(0)
        if self._frozen:
            await asyncio.get_running_loop().create_future()
        if not self._connected:
            raise RoomError(f"the room {self.room.name!r} is not connected.")

    def receive(self, topic: str, sender: str, attributes: Mapping[str, str]) -> list[MemoryReader]:
        """A stream was opened to us; without a handler for its topic nobody reads it."""
        handler = self._streams.get(topic)
        if handler is None or self._frozen:
            return []
        reader = MemoryReader(sender, attributes)
        self._readers.append(reader)
        handler(sender, reader)
        return [reader]

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """A data packet has arrived."""
        handler = self._data.get(topic)
        if handler is not None and not self._frozen:
            handler(sender, payload)

    async def respond(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of a call."""
        handler = self._rpc.get(method)
        await self.use()
        if handler is None:
            raise RoomError(f"{method} is not known.", rpc_code=UNSUPPORTED)
        try:
            response = handler(caller, payload)
            return await response if inspect.isawaitable(response) else response
        except Exception as error:
            raise RoomError(f"{method} failed.", rpc_code=APPLICATION) from error

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Tell who watches; out of the room nothing is heard of it but that."""
        if self._frozen or not (self._connected or event is RoomEvent.DISCONNECTED):
            return
        for handler in list(self._watchers):
            handler(event, participant)

    def break_streams(self, sender: str | None = None) -> None:
        """Incoming streams end abnormally, all or one sender's; outgoing ones lead nowhere."""
        for reader in self._readers:
            if sender in (None, reader.sender):
                reader.put(RoomError("an incoming stream broke off (reconnected)."))
        if sender is None:
            for writer in self._writers:
                writer.broken = True

    def freeze(self) -> None:
        """Stop doing anything, and stay: nothing comes out of us, and nothing gets in."""
        self._frozen = True
        for track in self._tracks:
            track.freeze()

    def drop(self, event: RoomEvent | None) -> None:
        """We are out of the room; told unless it came without a word."""
        self._connected = False
        self.break_streams()
        for track in self._tracks:
            track.drop()
        if event is not None:
            self.changed(event, None)
