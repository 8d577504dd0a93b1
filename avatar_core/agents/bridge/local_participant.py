"""The agent's participant that a plugin receives: its messages go to the avatar alone."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from livekit import rtc

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.streams import StreamWriter
from avatar_core.playback.byte_stream import MESSAGE_BYTES

RpcFunction = Callable[[rtc.RpcInvocationData], str | Awaitable[str | None] | None]
RESPONSE_S = 10.0
"""Seconds for the response to an RPC, if the plugin sets no time."""


class AddressedWriter:
    """A writer of a byte stream as livekit.rtc has it, over a stream to the avatar alone.

    Args:
        writer: The stream to the avatar.
    """

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Send data in messages that LiveKit delivers in one piece.

        Args:
            data: The data.

        Raises:
            RoomError: The room is disconnected, or did not accept the data.
        """
        for start in range(0, len(data), MESSAGE_BYTES):
            await self._writer.write(bytes(data[start : start + MESSAGE_BYTES]))

    async def aclose(self, *, reason: str = "", attributes: object = None) -> None:
        """End the stream.

        Args:
            reason: The reason of an abnormal end; may be empty.
            attributes: Attributes of the end, which are not sent.

        Raises:
            RoomError: The room is disconnected.
        """
        await self._writer.aclose(reason)


class LocalParticipantProxy:
    """The agent's participant, as a plugin sees it.

    Args:
        link: The agent's connection to the room.
        room: The room of livekit.rtc; None for a room in memory.
        identity: The identity of the avatar's participant, the only caller of RPC methods.
    """

    def __init__(self, link: RoomLink, room: rtc.Room | None, identity: str) -> None:
        self._link = link
        self._room = room
        self._caller = identity
        self._rpc_handlers: dict[str, RpcFunction] = {}
        self._unsubscribe: dict[str, Unsubscribe] = {}

    @property
    def identity(self) -> str:
        """The identity of the agent."""
        return self._link.identity

    def register_rpc_method(self, method_name: str, handler: RpcFunction | None = None) -> Any:
        """Serve an RPC method for calls of the avatar, also as a decorator.

        Args:
            method_name: The name of the method.
            handler: The function that handles a call; None returns a decorator.

        Returns:
            The handler, or the decorator.
        """
        if handler is None:
            return lambda function: self.register_rpc_method(method_name, function)
        self._rpc_handlers[method_name] = handler
        router = self._link.router

        async def serve(caller: str, payload: str) -> str:
            """Call the handler of the plugin.

            Args:
                caller: The identity of the avatar.
                payload: The payload of the call.

            Returns:
                The response.
            """
            call = rtc.RpcInvocationData(
                request_id="", caller_identity=caller, payload=payload, response_timeout=RESPONSE_S
            )
            result = handler(call)
            response = await result if inspect.isawaitable(result) else result
            return response or ""

        self.unregister_rpc_method(method_name, keep_handler=True)
        self._unsubscribe[method_name] = router.rpc(method_name, self._caller, serve)
        return handler

    def unregister_rpc_method(self, method: str, *, keep_handler: bool = False) -> None:
        """Stop serving an RPC method.

        Args:
            method: The name of the method.
            keep_handler: Whether the method keeps its handler, which is served again.
        """
        if not keep_handler:
            self._rpc_handlers.pop(method, None)
        if unsubscribe := self._unsubscribe.pop(method, None):
            unsubscribe()

    async def perform_rpc(
        self,
        *,
        destination_identity: str,
        method: str,
        payload: str,
        response_timeout: float | None = None,
        **_: Any,
    ) -> str:
        """Call an RPC method of a participant.

        Args:
            destination_identity: The identity of the participant.
            method: The name of the method.
            payload: The payload of the call.
            response_timeout: Seconds to wait for the response; None means `RESPONSE_S`.

        Returns:
            The response.

        Raises:
            RpcError: The call failed, as livekit.rtc reports it.
        """
        try:
            return await self._link.call(
                destination_identity, method, payload, timeout_s=response_timeout or RESPONSE_S
            )
        except RoomError as error:
            code = error.rpc_code or rtc.RpcError.ErrorCode.SEND_FAILED
            raise rtc.RpcError(code, error.message) from error

    async def publish_data(
        self,
        payload: bytes | str,
        *,
        reliable: bool = True,
        destination_identities: Sequence[str] = (),
        topic: str = "",
    ) -> None:
        """Send a data packet to the avatar, or to the participants that the plugin names.

        Args:
            payload: The content of the packet.
            reliable: Whether LiveKit sends a lost packet again.
            destination_identities: The receivers; without receivers, the avatar alone.
            topic: The topic of the packet.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        to = list(destination_identities) or [self._caller]
        await self._link.send(topic, data, to=to, reliable=reliable)

    async def stream_bytes(
        self,
        name: str,
        *,
        topic: str = "",
        destination_identities: Sequence[str] | None = None,
        attributes: dict[str, str] | None = None,
        **_: Any,
    ) -> AddressedWriter:
        """Open a byte stream whose header, chunks and end go to the avatar alone.

        Args:
            name: The name of the stream, which is not sent.
            topic: The topic of the stream.
            destination_identities: The receivers; without receivers, the avatar alone.
            attributes: The attributes of the stream.

        Returns:
            The writer.

        Raises:
            RoomError: The room is disconnected, or did not open the stream.
        """
        to = list(destination_identities or [self._caller])
        writer = await self._link.open_stream(topic, to=to, attributes=attributes or {})
        return AddressedWriter(writer)

    def close(self) -> None:
        """Stop serving all RPC methods of the plugin."""
        for method in list(self._unsubscribe):
            self.unregister_rpc_method(method)

    def __getattr__(self, name: str) -> Any:
        if self._room is None:
            raise AttributeError(name)
        return getattr(self._room.local_participant, name)
