"""The messages of a room link over `livekit.rtc`: byte streams, RPCs and data packets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from livekit import rtc

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.rtc.private_ffi import check_addressed_streams, find_missing
from avatar_core.rtc.room_events import RoomEvents
from avatar_core.rtc.streams import (
    Acknowledgements,
    AddressedWriter,
    PublicWriter,
    RtcStreamReader,
)

log = logging.getLogger("avatar_core.rtc")


class RtcMessageLink(RoomLink):
    """The part of an `RtcLink` that sends and receives messages.

    Args:
        room: A connected room.
        events: The events of the room.

    Attributes:
        room: The room object of `livekit.rtc`.
        allow_public_streams: Whether every participant of the room may receive the byte streams, if
            the installed livekit cannot address them.
    """

    def __init__(self, room: rtc.Room, events: RoomEvents) -> None:
        self.room = room
        self.allow_public_streams = False
        self._has_warned = False
        self._local = room.local_participant
        self._acks: Acknowledgements | None = None
        self._events = events

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
                code=ErrorCode.LIVEKIT_VERSION,
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

    def _require_connection(self) -> None:
        if not self.connected:
            raise RoomError(f"The room {self.room.name!r} is not connected.")

    def _close_acks(self) -> None:
        if self._acks is not None:
            self._acks.close()
            self._acks = None
