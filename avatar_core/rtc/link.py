"""The room link over `livekit.rtc`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.participants import RemoteParticipant, RoomEventHandler
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.router import SenderRouter
from avatar_core.rtc.encryption import is_encrypted
from avatar_core.rtc.media import TrackPublisher
from avatar_core.rtc.participant import read_participant
from avatar_core.rtc.private_ffi import check_addressed_streams, find_missing
from avatar_core.rtc.remote_audio import RtcRemoteAudio
from avatar_core.rtc.room_events import RoomEvents
from avatar_core.rtc.streams import (
    Acknowledgements,
    AddressedWriter,
    PublicWriter,
    RtcStreamReader,
)
from avatar_core.rtc.subscriptions import Subscriptions

log = logging.getLogger("avatar_core.rtc")

LEAVE_S = 3.0


class RtcLink(RoomLink):
    """The connection of the local participant to a LiveKit room.

    `link_for` and `join` create the links.

    Args:
        room: A connected room.
        owned: Whether closing the link leaves the room.

    Attributes:
        room: The room object of `livekit.rtc`.
        closed: Whether the link was closed.
        router: Passes RPCs and data packets to their handlers, by sender.
    """

    def __init__(self, room: rtc.Room, *, owned: bool = False) -> None:
        self.room = room
        self.closed = False
        self.allow_public_streams = False
        self._has_warned = False
        self._owned = owned
        self._local = room.local_participant
        self._tracks = TrackPublisher(self._local)
        self._acks: Acknowledgements | None = None
        self._subscriptions = Subscriptions(room)
        self._events = RoomEvents(room, self._on_disconnect)
        self.router = SenderRouter(self)

    @property
    def is_stale(self) -> bool:
        """Whether the link was closed, or the room was left and joined again."""
        return self.closed or self._local is not self.room.local_participant

    @property
    def identity(self) -> str:
        """The identity of the local participant."""
        return str(self._local.identity)

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return str(self.room.name)

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of the local participant."""
        return self._local.attributes

    @property
    def connected(self) -> bool:
        """Whether the link is open and the room is connected."""
        return not self.closed and self.room.isconnected()

    @property
    def is_hidden(self) -> bool:
        """Whether the token of the local participant has the grant `hidden`."""
        return bool(self._local.permissions.hidden)

    @property
    def can_publish_data(self) -> bool:
        """Whether the token of the local participant has the grant `canPublishData`."""
        granted = self._local.permissions
        return bool(granted.can_publish_data) or not granted.ByteSize()  # empty: not known

    @property
    def is_encrypted(self) -> bool:
        """Whether the local participant encrypts its tracks or its data."""
        return is_encrypted(self.room)

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants of the room.

        Returns:
            A record of each participant, by identity.
        """
        return {
            other.identity: read_participant(other)
            for other in self.room.remote_participants.values()
        }

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each event of the room from now on.

        Args:
            handler: Called with the event and its participant; the participant is None for events
                of our own connection.

        Returns:
            A function that removes the handler.
        """
        return self._events.watch(handler)

    def check_streams(self) -> None:
        """Check that byte streams reach only their receivers, or that the application allows more.

        Raises:
            RoomError: The installed livekit cannot address byte streams.
        """
        if not self.allow_public_streams:
            check_addressed_streams()
        elif (missing := find_missing()) and not self._has_warned:
            self._has_warned = True
            log.warning(
                "Every participant of the room receives the agent's audio as data, because the "
                "installed version of livekit lacks %s and AVATAR_ALLOW_PUBLIC_AUDIO is set.",
                missing,
            )

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream whose packets the server sends to its receivers only.

        Args:
            topic: The topic of the stream.
            to: The identities of the receivers.
            attributes: The attributes of the stream, for the receivers.

        Returns:
            The writer of the stream.

        Raises:
            RoomError: The room is disconnected or did not open the stream, or the installed
                livekit cannot address the stream.
        """
        self._require_connection()
        self.check_streams()
        if find_missing():
            try:
                writer = await self._local.stream_bytes(
                    "audio",
                    topic=topic,
                    destination_identities=list(to),
                    attributes=dict(attributes),
                )
            except ConnectionError as error:
                raise RoomError(f"The room did not open a byte stream ({error}).") from error
            return PublicWriter(writer)
        try:
            if self._acks is None:
                self._acks = Acknowledgements()
            addressed = AddressedWriter(self._local, self._acks, to)
            await addressed.open(topic, attributes)
        except (AttributeError, TypeError, ValueError) as error:
            raise RoomError(
                f"The installed version of livekit refused the request for a byte stream "
                f"({type(error).__name__}).",
                hint="Install the version of livekit that livekit-agents requires.",
            ) from error
        return addressed

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Register the handler for incoming byte streams of a topic.

        Args:
            topic: The topic of the streams.
            handler: Called with the sender's identity and the reader of each stream.

        Returns:
            A function that removes the handler.

        Raises:
            ValueError: The topic has a handler already.
        """
        self.room.register_byte_stream_handler(
            topic, lambda reader, sender: handler(sender, RtcStreamReader(reader))
        )
        return lambda: self.room.unregister_byte_stream_handler(topic)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant.

        Args:
            to: The identity of the participant.
            method: The name of the method.
            payload: The payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response.

        Raises:
            RoomError: The call failed. `rpc_code` is LiveKit's error code; it is None if
                `timeout_s` passed or the room is disconnected.
        """
        self._require_connection()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._local.perform_rpc(
                    destination_identity=to,
                    method=method,
                    payload=payload,
                    response_timeout=timeout_s,
                )
        except rtc.RpcError as error:
            raise RoomError(
                f"The RPC {method} to {to} failed ({error.message}).", rpc_code=error.code
            ) from error
        except TimeoutError as error:
            raise RoomError(
                f"The participant {to} did not respond to the RPC {method} within {timeout_s:g} s."
            ) from error

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Register the handler of an RPC method for all callers; only the router calls this method.

        Args:
            method: The name of the method.
            handler: Called with the caller's identity and the payload; returns the response, or an
                awaitable of it.

        Returns:
            A function that removes the handler.
        """

        async def invoke(call: rtc.RpcInvocationData) -> str:
            """Call the handler, and await the response if it is awaitable.

            Args:
                call: The call, as `livekit.rtc` passes it.

            Returns:
                The response.

            Raises:
                Exception: Any exception of the handler; LiveKit sends it to the caller as an error.
            """
            response = handler(call.caller_identity, call.payload)
            return response if isinstance(response, str) else await response

        self._local.register_rpc_method(method, invoke)
        return lambda: self._local.unregister_rpc_method(method)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet.

        Args:
            topic: The topic of the packet.
            payload: The content of the packet.
            to: The identities of the receivers.
            reliable: Whether LiveKit sends lost packets again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """
        self._require_connection()
        try:
            await self._local.publish_data(
                payload, reliable=reliable, destination_identities=list(to), topic=topic
            )
        except rtc.participant.PublishDataError as error:
            raise RoomError(f"The room did not accept a data packet ({error}).") from error

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Register the handler for the data packets of a topic; only the router calls this.

        Args:
            topic: The topic of the packets.
            handler: Called with the sender's identity and the payload of each packet of any sender.
                The handler replaces an earlier handler of the topic.

        Returns:
            A function that removes the handler.
        """
        return self._events.on_data(topic, handler)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: The format of the audio that the track takes.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        return await self._tracks.publish_audio(format, name)

    async def wait_for_subscriber(self) -> None:
        """Wait until a participant subscribes to a silent track that is published meanwhile.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        track = await self._tracks.publish_silence()
        try:
            await track.wait_for_subscription()
        except BaseException:
            await track.unpublish()
            raise
        self._tracks.unpublish_later(track)

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track.

        Args:
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        return await self._tracks.publish_video(width, height, fps, name)

    def listen(self, identity: str) -> RemoteAudio:
        """Subscribe to the sound of a remote participant, also if the room does not by itself.

        Args:
            identity: The identity of the participant, which may join later.

        Returns:
            The subscription.
        """
        return RtcRemoteAudio(self._subscriptions, identity)

    async def aclose(self) -> None:
        """Stop passing events to handlers, and leave the room if `owned` is set; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._events.close()
        await self._subscriptions.aclose()
        self._close_acks()
        self._tracks.close()
        if self._owned:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self.room.disconnect()
            except TimeoutError:
                log.debug(
                    "The room %s did not confirm the disconnect within %g s.",
                    self.room.name,
                    LEAVE_S,
                )

    def _require_connection(self) -> None:
        if not self.connected:
            raise RoomError(f"The room {self.room.name!r} is not connected.")

    def _close_acks(self) -> None:
        if self._acks is not None:
            self._acks.close()
            self._acks = None

    def _on_disconnect(self) -> None:
        self._close_acks()  # an application leaves its room without closing the link
        self._tracks.close()
        self._subscriptions.stop()
