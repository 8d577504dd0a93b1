"""One socket of a fake vendor: its commands, its reports and its fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, Protocol

from avatar_core.bases.socket_messages import Message
from avatar_core.bases.socket_wire import SocketClosedError, Wire
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.fake_vendor.socket_avatar import SocketAvatar
from avatar_core.testing.fake_vendor.socket_faults import SocketFault
from avatar_core.testing.fake_vendor.socket_lengths import Limited, MessageLengths

POLL_S = 0.01
CommandKind = Literal["begin", "audio", "end", "cut", "alive", "close", "other"]


class Command(NamedTuple):
    """A message that the vendor received.

    Attributes:
        kind: The kind of the message.
        take_id: The id of the take of a `begin`; empty if the message names none.
        pcm: The audio of an `audio`.
    """

    kind: CommandKind
    take_id: str = ""
    pcm: bytes = b""


class Vocabulary(Limited, Protocol):
    """The messages of a vendor, and its record of them.

    Attributes:
        commands: Every command that arrived, in order.
    """

    commands: list[Command]

    def read_command(self, message: Message) -> Command:
        """Decode a message of the customer.

        Args:
            message: Text or bytes.

        Returns:
            The command.
        """

    def encode_report(self, kind: str, take_id: str, played_s: float) -> list[Message]:
        """Encode a report of the vendor.

        Args:
            kind: The kind of the report.
            take_id: The id of the take.
            played_s: Seconds of the take that were played.

        Returns:
            The messages, in order.
        """

    def forget_token(self, avatar: SocketAvatar) -> None:
        """Refuse further sockets of the session of an avatar.

        Args:
            avatar: The avatar.
        """


class SocketDialog:
    """The server of one socket.

    Args:
        wire: The end of the server.
        avatar: The avatar of the session.
        vendor: Reads and encodes the messages.
        fault: The fault of the socket, or None.

    Attributes:
        wire: The end of the server.
    """

    def __init__(
        self, wire: Wire, avatar: SocketAvatar, vendor: Vocabulary, fault: SocketFault | None
    ) -> None:
        self.wire = wire
        self._avatar = avatar
        self._vendor = vendor
        self._fault = fault
        self._late: list[Message] = []
        self._lengths = MessageLengths(vendor)

    async def run(self, close: Callable[[], object], early: Sequence[Message] = ()) -> None:
        """Receive commands until the socket closes.

        Args:
            close: Ends the session, at the command `close`.
            early: Messages that arrived before the avatar was ready.

        Raises:
            SocketClosedError: The socket has closed.
        """
        fault, began_s = self._fault, self._avatar.received_s
        if fault is None or fault.mode != "unready":
            await self._send(self._vendor.encode_report("ready", "", 0.0))
        for one in early:
            await self._carry_out(one, close)
        while True:
            if fault is not None and self._avatar.received_s - began_s >= fault.at_s:
                await self._break(fault)
                fault = None
            message = await self.wire.receive()
            if message is not None:
                await self._carry_out(message, close)

    async def report(self, messages: list[Message]) -> None:
        """Send a report, unless the fault of the socket suppresses it.

        Args:
            messages: The messages of the report, in order.
        """
        mode = self._fault.mode if self._fault is not None else ""
        if mode == "late":
            self._late += messages
        if mode == "mute":
            return
        try:
            await self._send(messages)
        except SocketClosedError:
            return

    async def _carry_out(self, message: Message, close: Callable[[], object]) -> None:
        try:
            command = self._vendor.read_command(message)
        except (ValueError, KeyError, TypeError, AttributeError):
            command = Command("other")
        self._vendor.commands.append(command)
        self._lengths.note(command)
        match command.kind:
            case "begin":
                late, self._late = self._late, []
                self._avatar.begin(command.take_id)
                await self._send(late)
            case "audio":
                self._avatar.push(command.pcm)
            case "end":
                self._avatar.end()
            case "cut":
                self._avatar.cut()
            case "close":
                close()

    async def _break(self, fault: SocketFault) -> None:
        """Carry out a fault; modes that concern the handshake or the reports do nothing here."""
        if fault.ends_session:
            self._vendor.forget_token(self._avatar)
            self._avatar.stop()
        in_memory = self.wire if isinstance(self.wire, MemoryWire) else None
        match fault.mode:
            case "abort":
                if in_memory is not None:
                    in_memory.abort()
                else:
                    await self.wire.aclose(0)
            case "close":
                await self.wire.aclose(fault.code)
            case "cut off" | "stall":
                if in_memory is not None and fault.mode == "cut off":
                    in_memory.cut_off()
                await asyncio.Event().wait()
            case "send":
                await self._send([fault.message])

    async def _send(self, messages: list[Message]) -> None:
        for message in messages:
            await self.wire.send(message)


async def receive_until(wire: Wire, is_over: Callable[[], bool]) -> list[Message]:
    """Receive messages until a condition is true. A server that receives also answers pings.

    Args:
        wire: The end of the server.
        is_over: Returns whether the condition is true.

    Returns:
        The messages, in order.
    """
    messages: list[Message] = []

    async def receive() -> None:
        """Keep the messages until the socket closes."""
        with suppress(SocketClosedError):
            while True:
                message = await wire.receive()
                if message is not None:
                    messages.append(message)

    receiving = asyncio.create_task(receive(), name="vendor's early messages")
    try:
        while not is_over():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
    return messages
