"""An implementation of `RoomLink` for a room in memory."""

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
"""Seconds after which a call to an absent participant fails with the code 1501."""
UNSUPPORTED, APPLICATION, NO_RESPONSE = 1400, 1500, 1501


class MemoryLink(RoomLink):
    """The connection of one participant to a `MemoryRoom`.

    Create it with `MemoryRoom.join`.

    Args:
        room: The room in memory.
        identity: The participant's identity.
        attributes: The participant's attributes.

    Attributes:
        room: The room in memory.
        router: Passes RPCs and data packets to their handlers, by sender.
    """

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
        """The identity of this participant."""
        return self._identity

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return self.room.name

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of this participant."""
        return self._attributes

    @property
    def connected(self) -> bool:
        """Whether this participant is in the room now."""
        return self._connected

    @property
    def subscriptions(self) -> set[str]:
        """The topics and RPC methods with a handler, and `presence` if `watch` has one."""
        return {*self._streams, *self._rpc, *self._data, *(["presence"] * bool(self._watchers))}

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants that this one sees, by identity."""
        return self.room.participants_for(self._identity)

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each room event from now on."""
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return the context for avatars of this participant, without a ledger.

        Args:
            settings: The settings that hold the timeouts.
        """
        return memory_context(self, self.room, settings)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream that only the given participants receive."""
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
        """Call a handler with each byte stream of a topic."""
        if topic in self._streams:
            raise ValueError(f"A byte stream handler for the topic {topic!r} is already set.")
        self._streams[topic] = handler
        return lambda: self._streams.pop(topic, None) and None

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.use()
                await asyncio.sleep(self.room.latency_s)
                member = self.room.member(to)
                if member is None:
                    await asyncio.sleep(ACK_S)
                    raise RoomError(
                        f"The RPC {method} failed, because {to} is not in the room.",
                        rpc_code=NO_RESPONSE,
                    )
                task = asyncio.create_task(member.link.respond(self._identity, method, payload))
                self._responding.add(task)
                task.add_done_callback(self._responding.discard)
                response = await asyncio.shield(task)
                await asyncio.sleep(self.room.latency_s)
                return response
        except TimeoutError as error:
            raise RoomError(
                f"The participant {to} did not respond to the RPC {method} within {timeout_s:g} s."
            ) from error

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Serve an RPC method; a later handler of the same method replaces this one."""
        self._rpc[method] = handler
        return lambda: self._rpc.pop(method, None) and None

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet, which arrives after the room's latency."""
        await self.use()

        def arrive() -> None:
            for identity in to:
                if member := self.room.member(identity):
                    member.link.take_in(topic, self._identity, bytes(payload))

        self.room.later(arrive)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Call a handler with each data packet of a topic; replace an earlier handler."""
        self._data[topic] = handler
        return lambda: self._data.pop(topic, None) and None

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish an audio track, whose audio goes into the room's recording."""
        await self.use()
        unpublish = partial(self.room.published, self._identity, "audio", unpublished=True)
        audio = MemoryAudioTrack(self._identity, format, self.room.recording, unpublish)
        self._tracks.append(audio)
        self.room.published(self._identity, "audio")
        return audio

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a video track, whose frames the room's recording counts."""
        await self.use()
        unpublish = partial(self.room.published, self._identity, "video", unpublished=True)
        video = MemoryVideoTrack(self._identity, self.room.recording, unpublish)
        self._tracks.append(video)
        self.room.published(self._identity, "video")
        return video

    async def aclose(self) -> None:
        """Leave the room without a `DISCONNECTED` event for this link; idempotent."""
        self._watchers.clear()
        if self._connected:
            self.room.remove(self._identity)

    # What the room does with a link.

    async def use(self) -> None:
        """Check that this link works; a frozen link never returns.

        Raises:
            RoomError: This participant is not in the room.
        """
        await asyncio.sleep(0)
        if self._frozen:
            await asyncio.get_running_loop().create_future()
        if not self._connected:
            raise RoomError(f"The room {self.room.name!r} is not connected.")

    def receive(self, topic: str, sender: str, attributes: Mapping[str, str]) -> list[MemoryReader]:
        """Pass a stream that another participant opened to the handler of its topic.

        Args:
            topic: The topic of the stream.
            sender: The identity of the sender.
            attributes: The attributes of the stream.

        Returns:
            A list of the one reader; empty if the topic has no handler or the link is frozen.
        """
        handler = self._streams.get(topic)
        if handler is None or self._frozen:
            return []
        reader = MemoryReader(sender, attributes)
        self._readers.append(reader)
        handler(sender, reader)
        return [reader]

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """Pass a data packet to the handler of its topic; drop it without one or while frozen.

        Args:
            topic: The topic of the packet.
            sender: The identity of the sender.
            payload: The payload.
        """
        handler = self._data.get(topic)
        if handler is not None and not self._frozen:
            handler(sender, payload)

    async def respond(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of an RPC that another participant called.

        Args:
            caller: The identity of the caller.
            method: The name of the method.
            payload: The payload.

        Returns:
            The handler's response.

        Raises:
            RoomError: The participant has left, it does not serve the method (code 1400),
                or the handler raised an exception (1500).
        """
        handler = self._rpc.get(method)
        await self.use()
        if handler is None:
            raise RoomError(
                f"The participant does not serve the RPC {method}.", rpc_code=UNSUPPORTED
            )
        try:
            response = handler(caller, payload)
            return await response if inspect.isawaitable(response) else response
        except Exception as error:
            raise RoomError(
                f"The handler of the RPC {method} raised an error.", rpc_code=APPLICATION
            ) from error

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Pass a room event to the handlers of `watch`.

        A frozen link drops all events. A link outside the room passes `DISCONNECTED` only.

        Args:
            event: The event.
            participant: The participant that the event is about; None for this link itself.
        """
        if self._frozen or not (self._connected or event is RoomEvent.DISCONNECTED):
            return
        for handler in list(self._watchers):
            handler(event, participant)

    def break_streams(self, sender: str | None = None) -> None:
        """End incoming streams abnormally, as a full reconnect does.

        Args:
            sender: Break the streams of this identity only; None breaks all incoming streams, and
                drops everything that outgoing streams write later.
        """
        for reader in self._readers:
            if sender in (None, reader.sender):
                reader.put(RoomError("An incoming byte stream ended abnormally (reconnected)."))
        if sender is None:
            for writer in self._writers:
                writer.broken = True

    def freeze(self) -> None:
        """Stop sending and receiving, but stay in the room."""
        self._frozen = True
        for track in self._tracks:
            track.freeze()

    def drop(self, event: RoomEvent | None) -> None:
        """Disconnect this link: break its streams and drop its tracks.

        Args:
            event: The event for the handlers of `watch`; None sends none.
        """
        self._connected = False
        self.break_streams()
        for track in self._tracks:
            track.drop()
        if event is not None:
            self.changed(event, None)
