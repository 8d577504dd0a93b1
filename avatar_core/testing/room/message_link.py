"""The messages of a participant of a room in memory: byte streams, RPCs and data packets."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping, Sequence

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.testing.room.members import Hub, Member
from avatar_core.testing.room.streams import MemoryReader, MemoryWriter

ACK_S = 7.0
"""Seconds after which an RPC to an absent participant fails with the code 1501."""
UNSUPPORTED, APPLICATION, NO_RESPONSE = 1400, 1500, 1501
"""LiveKit's RPC error codes: unsupported method, error in the handler, no response."""


class MessageLink(RoomLink):
    """The part of a `MemoryLink` that sends and receives messages.

    Args:
        room: The room in memory.
        identity: The identity of the participant.
        key: The key with which the participant encrypts its messages; None for no encryption.

    Attributes:
        room: The room in memory.
        key: The key with which the participant encrypts its messages; None for no encryption.
    """

    def __init__(self, room: Hub, identity: str, key: bytes | None) -> None:
        self.room = room
        self.key = key
        self._identity = identity
        self._connected = True
        self._frozen = False
        self._left = asyncio.Event()
        self._streams: dict[str, StreamHandler] = {}
        self._rpc: dict[str, RpcHandler] = {}
        self._data: dict[str, DataHandler] = {}
        self._readers: list[MemoryReader] = []
        self._writers: list[MemoryWriter] = []
        self._responding: set[asyncio.Task[str]] = set()

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream that only the given participants receive.

        Args:
            topic: The topic of the stream.
            to: The identities of the receivers.
            attributes: The attributes of the stream, for the receivers.

        Returns:
            The writer of the stream.

        Raises:
            RoomError: This participant is not in the room.
        """
        await self.use()
        writer = MemoryWriter(self.use, self.room.later)
        self._writers.append(writer)

        def header() -> None:
            """Deliver the stream's header: create a reader at each receiver in the room."""
            for identity in to:
                if (member := self._reader_of(identity)) and not writer.broken:
                    writer.readers.extend(member.link.receive(topic, self._identity, attributes))

        self.room.later(header)
        return writer

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Call a handler with each byte stream of a topic.

        Args:
            topic: The topic of the streams.
            handler: Called with the sender and the reader of each stream.

        Returns:
            A function that removes the handler; it may be called more than once.

        Raises:
            ValueError: The topic has a handler already.
        """
        if topic in self._streams:
            raise ValueError(f"A byte stream handler for the topic {topic!r} is already set.")
        self._streams[topic] = handler
        return lambda: self._streams.pop(topic, None) and None

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant.

        Args:
            to: The identity of the participant that is called.
            method: The name of the method.
            payload: The payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response of the participant.

        Raises:
            RoomError: The call timed out, this participant is not in the room, or the call failed
                with one of LiveKit's RPC error codes: 1400, 1500 or 1501.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.use()
                await self._travel()
                member = self._reader_of(to)
                if member is None:
                    await asyncio.sleep(ACK_S)
                    raise RoomError(
                        f"The RPC {method} failed, because {to} is not in the room.",
                        rpc_code=NO_RESPONSE,
                    )
                task = asyncio.create_task(member.link.respond(self._identity, method, payload))
                self._responding.add(task)
                task.add_done_callback(self._forget_response)
                response = await asyncio.shield(task)
                await asyncio.sleep(self.room.latency_s)
                return response
        except TimeoutError as error:
            raise RoomError(
                f"The participant {to} did not respond to the RPC {method} within {timeout_s:g} s."
            ) from error

    async def _travel(self) -> None:
        """Wait until a message that is sent now arrives, after all messages of earlier."""
        arrived = asyncio.Event()
        self.room.later(arrived.set)
        await arrived.wait()

    def _reader_of(self, identity: str) -> Member | None:
        """Return a participant that can read the messages of this link, or None."""
        member = self.room.member(identity)
        return member if member is not None and self.key in (None, member.link.key) else None

    def _forget_response(self, task: asyncio.Task[str]) -> None:
        self._responding.discard(task)
        if not task.cancelled():
            task.exception()  # a call that timed out does not read it

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Handle an RPC method for all callers.

        Args:
            method: The name of the method.
            handler: Called with the caller and the payload of each call; replaces an earlier
                handler of the method.

        Returns:
            A function that removes the handler; it may be called more than once.
        """
        self._rpc[method] = handler
        return lambda: self._rpc.pop(method, None) and None

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet, which arrives after the room's latency.

        Args:
            topic: The topic of the packet.
            payload: The content of the packet.
            to: The identities of the receivers.
            reliable: Ignored, because a room in memory loses no packets.

        Raises:
            RoomError: This participant is not in the room.
        """
        await self.use()

        def arrive() -> None:
            """Deliver the packet to each receiver that is in the room."""
            for identity in to:
                if member := self._reader_of(identity):
                    member.link.take_in(topic, self._identity, bytes(payload))

        self.room.later(arrive)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Call a handler with each data packet of a topic.

        Args:
            topic: The topic of the packets.
            handler: Called with the sender and the content of each packet; replaces an earlier
                handler of the topic.

        Returns:
            A function that removes the handler; it may be called more than once.
        """
        self._data[topic] = handler
        return lambda: self._data.pop(topic, None) and None

    # The methods that the room calls.

    async def use(self) -> None:
        """Check that this participant is in the room; on a frozen link, wait until it leaves.

        Raises:
            RoomError: This participant is not in the room.
        """
        await asyncio.sleep(0)
        if self._frozen:
            await self._left.wait()
        if not self._connected:
            raise RoomError(f"The room {self.room.name!r} is not connected.")

    def receive(self, topic: str, sender: str, attributes: Mapping[str, str]) -> list[MemoryReader]:
        """Pass a stream that another participant opened to the handler of the stream's topic.

        Args:
            topic: The topic of the stream.
            sender: The identity of the sender.
            attributes: The attributes of the stream.

        Returns:
            A list of one reader; an empty list if the topic has no handler or the link is frozen.
        """
        handler = self._streams.get(topic)
        if handler is None or self._frozen:
            return []
        reader = MemoryReader(sender, attributes)
        self._readers.append(reader)
        handler(sender, reader)
        return [reader]

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """Pass a data packet to the handler of its topic.

        The link drops the packet if the topic has no handler or the link is frozen.

        Args:
            topic: The topic of the packet.
            sender: The identity of the sender.
            payload: The content of the packet.
        """
        handler = self._data.get(topic)
        if handler is not None and not self._frozen:
            handler(sender, payload)

    async def respond(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of an RPC that another participant called.

        Args:
            caller: The identity of the caller.
            method: The name of the method.
            payload: The payload of the call.

        Returns:
            The response of the handler.

        Raises:
            RoomError: This participant has left, it does not serve the method (code 1400), or the
                handler raised an exception (code 1500).
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

    def break_streams(self, sender: str | None = None) -> None:
        """End incoming streams abnormally, as a full reconnect does.

        Args:
            sender: Identity of the sender whose streams end. None ends all incoming streams, and
                makes outgoing streams drop all later messages.
        """
        for reader in self._readers:
            if sender in (None, reader.sender):
                reader.put(RoomError("An incoming byte stream ended abnormally (reconnected)."))
        if sender is None:
            for writer in self._writers:
                writer.broken = True
