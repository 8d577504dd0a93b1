"""RoomLink over `livekit.rtc`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import (
    AudioTrack,
    DataHandler,
    RemoteParticipant,
    RoomEvent,
    RoomEventHandler,
    RoomLink,
    RpcHandler,
    StreamHandler,
    StreamWriter,
    Unsubscribe,
    VideoTrack,
)
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.router import SenderRouter
from avatar_core.rtc.media import Tracks
from avatar_core.rtc.participant import read_participant
from avatar_core.rtc.streams import (
    Acknowledgements,
    AddressedWriter,
    PublicWriter,
    RtcStreamReader,
    addressed_streams_work,
)

log = logging.getLogger("avatar_core.rtc")

LEAVE_S = 3.0


class RtcLink(RoomLink):
    """A participant's place in a LiveKit room.

    Args:
        room: A connected room.
        owned: Whether closing the link leaves the room.
    """

    def __init__(self, room: rtc.Room, *, owned: bool = False) -> None:
        self.room = room
        self.closed = False
        self._owned = owned
        self._me = room.local_participant
        self._tracks = Tracks(self._me)
        self._acks: Acknowledgements | None = None
        self._watchers: list[RoomEventHandler] = []
        self._data: dict[str, DataHandler] = {}
        self.router = SenderRouter(self)
        self._listening: list[tuple[Any, Callable[..., None]]] = [
            ("participant_connected", lambda who: self._changed(RoomEvent.JOINED, who)),
            ("participant_disconnected", lambda who: self._changed(RoomEvent.LEFT, who)),
            ("track_published", lambda _, who: self._changed(RoomEvent.TRACKS, who)),
            ("track_subscribed", self._subscribed),
            ("track_unpublished", lambda _, who: self._changed(RoomEvent.TRACKS, who)),
            ("reconnecting", lambda: self._changed(RoomEvent.RECONNECTING)),
            ("reconnected", lambda: self._changed(RoomEvent.RECONNECTED)),
            ("connection_state_changed", self._state_changed),
            ("moved", lambda *_: self._changed(RoomEvent.MOVED)),
            ("data_received", self._data_received),
        ]
        for event, handler in self._listening:
            room.on(event, handler)

    def _subscribed(
        self, _: rtc.Track, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant
    ) -> None:
        """Receive nothing of one's own avatar: that is a third of an agent's CPU.

        Asked for while the server still negotiates the track, it can fail the whole connection
        ("Sender Track has been removed", livekit-server 1.13.5); once subscribed, that is over.
        """
        if who.attributes.get(PUBLISH_ON_BEHALF) == self.identity:
            publication.set_subscribed(False)

    @property
    def is_stale(self) -> bool:
        """Whether the link was closed, or its room was left and joined again."""
        return self.closed or self._me is not self.room.local_participant

    @property
    def identity(self) -> str:
        """Our own identity."""
        return str(self._me.identity)

    @property
    def room_name(self) -> str:
        """The room's name."""
        return str(self.room.name)

    @property
    def attributes(self) -> Mapping[str, str]:
        """Our own attributes."""
        return self._me.attributes

    @property
    def connected(self) -> bool:
        """Whether the room can be used now."""
        return not self.closed and self.room.isconnected()

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """The other participants by identity."""
        return {
            who.identity: read_participant(who) for who in self.room.remote_participants.values()
        }

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call `handler` at each event from now on."""
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream for `to` alone."""
        self._must_be_connected()
        if not addressed_streams_work():
            try:
                writer = await self._me.stream_bytes(
                    "audio",
                    topic=topic,
                    destination_identities=list(to),
                    attributes=dict(attributes),
                )
            except ConnectionError as error:
                raise RoomError(f"the room did not open a stream ({error}).") from error
            return PublicWriter(writer)
        if self._acks is None:
            self._acks = Acknowledgements()
        addressed = AddressedWriter(self._me, self._acks, to)
        await addressed.open(topic, attributes)
        return addressed

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive byte streams of a topic."""
        self.room.register_byte_stream_handler(
            topic, lambda reader, sender: handler(sender, RtcStreamReader(reader))
        )
        return lambda: self.room.unregister_byte_stream_handler(topic)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call a participant's RPC method."""
        self._must_be_connected()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._me.perform_rpc(
                    destination_identity=to,
                    method=method,
                    payload=payload,
                    response_timeout=timeout_s,
                )
        except rtc.RpcError as error:
            raise RoomError(
                f"{method} to {to} failed ({error.message}).", rpc_code=error.code
            ) from error
        except TimeoutError as error:
            raise RoomError(f"{method} to {to} had no answer in {timeout_s:g} s.") from error

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Answer an RPC method."""

        async def invoke(call: rtc.RpcInvocationData) -> str:
            response = handler(call.caller_identity, call.payload)
            return response if isinstance(response, str) else await response

        self._me.register_rpc_method(method, invoke)
        return lambda: self._me.unregister_rpc_method(method)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet."""
        self._must_be_connected()
        try:
            await self._me.publish_data(
                payload, reliable=reliable, destination_identities=list(to), topic=topic
            )
        except rtc.participant.PublishDataError as error:
            raise RoomError(f"the room did not take a data packet ({error}).") from error

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive data packets of a topic."""
        self._data[topic] = handler
        return lambda: self._data.pop(topic, None) and None

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track."""
        self._must_be_connected()
        return await self._tracks.audio(format, name)

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track."""
        self._must_be_connected()
        return await self._tracks.video(width, height, fps, name)

    async def aclose(self) -> None:
        """Undo every subscription; leave the room if this link joined it."""
        if self.closed:
            return
        self.closed = True
        for event, handler in self._listening:
            self.room.off(event, handler)
        self._watchers.clear()
        self._forget_acks()
        self._tracks.close()
        if self._owned:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self.room.disconnect()
            except TimeoutError:
                log.debug("The room %s did not let us go in time.", self.room.name)

    def _must_be_connected(self) -> None:
        if not self.connected:
            raise RoomError(f"the room {self.room.name!r} is not connected.")

    def _forget_acks(self) -> None:
        if self._acks is not None:
            self._acks.close()
            self._acks = None

    def _state_changed(self, state: rtc.ConnectionState.ValueType) -> None:
        # The event "disconnected" is lost where the room's own queue ends before it.
        if state == rtc.ConnectionState.CONN_DISCONNECTED:
            self._changed(RoomEvent.DISCONNECTED)

    def _changed(self, event: RoomEvent, who: rtc.RemoteParticipant | None = None) -> None:
        if event is RoomEvent.DISCONNECTED:
            self._forget_acks()  # an application's room is left without closing its link
            self._tracks.close()
        participant = read_participant(who) if who is not None else None
        for handler in list(self._watchers):
            handler(event, participant)

    def _data_received(self, packet: rtc.DataPacket) -> None:
        handler = self._data.get(packet.topic or "")
        if handler is not None and packet.participant is not None:
            handler(packet.participant.identity, packet.data)
