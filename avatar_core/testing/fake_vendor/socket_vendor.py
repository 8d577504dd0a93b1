"""A fake vendor that receives audio over a WebSocket and plays it in a room in memory.

The REST API is the one of `FakeVendor`; the response to a create call also has `ws_url`, with a
token in its query. The messages of the socket are JSON, but audio may also be binary:

    received    {"type": "begin", "take"}, {"type": "audio", "pcm": BASE64}, {"type": "end"},
                {"type": "cut"}, {"type": "alive"}, {"type": "close"}
    sent        {"type": "ready"}, {"type": "started" | "position" | "finished" | "cut", "take",
                "seconds"}
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import secrets
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

from avatar_core.bases.socket_messages import Message, SocketAddress
from avatar_core.bases.socket_wire import HandshakeError, SocketClosedError, Wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.http.memory import FakeResponse
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.fake_vendor.socket_avatar import SocketAvatar
from avatar_core.testing.fake_vendor.socket_faults import SOCKET_FAULTS, SocketFault
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.workers import admit
from avatar_core.worker import in_process

CommandKind = Literal["begin", "audio", "end", "cut", "alive", "close", "other"]
MEMORY_SOCKETS = "wss://vendor.invalid"
"""The base URL of the sockets of a vendor in memory."""


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


class SocketVendor(FakeVendor):
    """The server of a vendor with sockets.

    Override `read_command`, `encode_report`, `token_of` and `handle` to imitate another vendor.

    Args:
        room: The room in memory that the avatars join.
        format: The format of the audio that the vendor expects.
        position_every_s: Seconds between two reports of a position; 0 for none.
        slots: The number of sessions that may be active at once.
        key: An API key that the server accepts.

    Attributes:
        room: The room in memory that the avatars join.
        sockets: The base URL of the sockets; `serve_http` sets it to the URL of its server.
        commands: Every command that arrived, in order.
        handshakes: The number of sockets that were opened.
    """

    def __init__(
        self,
        room: Hub,
        *,
        format: AudioFormat = AudioFormat(24_000),  # noqa: B008 - the dataclass is frozen
        position_every_s: float = 0.1,
        slots: int = 3,
        key: str = "vendor-key",
        credits_s: float = math.inf,
    ) -> None:
        account = VendorAccount(self._launch, slots=slots, credits_s=credits_s)
        super().__init__(account, key=key)
        self.sockets = MEMORY_SOCKETS
        self.commands: list[Command] = []
        self.handshakes = 0
        self.room = room
        self._format = format
        self._every_s = position_every_s
        self._avatars: dict[str, SocketAvatar] = {}
        self._tokens: dict[str, str] = {}
        self._wires: dict[str, Wire] = {}
        self._socket_faults: list[list[Any]] = []
        self._waiting: dict[str, list[Message]] = {}
        self._talking: set[asyncio.Task[None]] = set()

    # Faults.

    def fail_socket(self, fault: str | SocketFault) -> None:
        """Add a fault of the sockets, which applies to sockets that are opened later.

        Args:
            fault: A name in `SOCKET_FAULTS`, or a fault.

        Raises:
            KeyError: `SOCKET_FAULTS` does not contain the name.
        """
        fault = SOCKET_FAULTS[fault] if isinstance(fault, str) else fault
        self._socket_faults.append([fault, fault.times or -1])

    def _next_socket_fault(self) -> SocketFault | None:
        for pending in self._socket_faults:
            if pending[1] != 0:
                pending[1] -= 1
                fault: SocketFault = pending[0]
                return fault
        return None

    # The messages of the vendor.

    def read_command(self, message: Message) -> Command:
        """Decode a message of the customer.

        Args:
            message: Text or bytes.

        Returns:
            The command.

        Raises:
            ValueError: The message is malformed.
        """
        if isinstance(message, bytes):
            return Command("audio", pcm=message)
        fields = json.loads(message)
        pcm = base64.b64decode(fields.get("pcm", ""), validate=True)
        return Command(fields["type"], str(fields.get("take", "")), pcm)

    def encode_report(self, kind: str, take_id: str, played_s: float) -> list[Message]:
        """Encode a report of the vendor.

        Args:
            kind: `ready`, `started`, `position`, `finished` or `cut`.
            take_id: The id of the take; empty for `ready`.
            played_s: Seconds of the take that were played.

        Returns:
            The messages, in order.
        """
        return [json.dumps({"type": kind, "take": take_id, "seconds": round(played_s, 3)})]

    def token_of(self, url: str, headers: Mapping[str, str]) -> str:
        """Return the token of a handshake.

        Args:
            url: The URL, with its query.
            headers: Header values by lower-case name.

        Returns:
            The token; empty if the handshake has none.
        """
        return parse_qs(urlsplit(url).query).get("token", [""])[0]

    def socket_url(self, session: VendorSession) -> str:
        """Create a token and return the URL of a session's socket.

        Args:
            session: A session of the account.

        Returns:
            The URL, with the token in its query.
        """
        token = self._tokens.setdefault(session.id, f"socket-token-{secrets.token_hex(12)}")
        return f"{self.sockets}/v1/sockets/{session.id}?token={token}"

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        """Execute a call of the API, and add the URL of the socket to a created session.

        Args:
            method: The HTTP method.
            path: The path with its query.
            headers: The header values by lower-case name.
            body: The body of the request.
            worker: The faults of the avatar of a session that the call creates.

        Returns:
            The response.
        """
        response = await super().handle(method, path, headers, body, worker)
        if response.status != 201 or not isinstance(response.body, bytes):
            return response
        fields = json.loads(response.body)
        session = self.account.find(fields["id"])
        if session is not None:
            fields["ws_url"] = self.socket_url(session)
        return FakeResponse(201, response.headers, json.dumps(fields).encode())

    # The sockets.

    async def connect(self, address: SocketAddress) -> Wire:
        """Open a socket in memory, for the attribute `connect` of a provider class.

        Args:
            address: The address of the socket.

        Returns:
            The end of the client.

        Raises:
            HandshakeError: The vendor refused the handshake.
        """
        headers = {name.lower(): value.get_secret_value() for name, value in address.headers.items()}
        fault = self._next_socket_fault()
        session = await self.accept(address.url.get_secret_value(), headers, fault)
        client, server = MemoryWire.make_pair()
        task = asyncio.create_task(self.talk(session, server, fault), name="vendor's socket")
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)
        return client

    async def accept(
        self, url: str, headers: Mapping[str, str], fault: SocketFault | None
    ) -> VendorSession:
        """Check the handshake of a socket.

        Args:
            url: The URL or the path, with its query.
            headers: Header values by lower-case name.
            fault: The fault of the socket, or None.

        Returns:
            The session of the socket.

        Raises:
            HandshakeError: The vendor refuses the handshake.
        """
        self.handshakes += 1
        if fault is not None and fault.mode == "hang":
            await asyncio.Event().wait()
        if fault is not None and fault.mode == "refuse":
            raise _refusal(fault.status)
        session = self.account.find(urlsplit(url).path.rpartition("/")[2])
        if session is None or session.ended_at is not None:
            raise _refusal(404)
        if self.token_of(url, headers) != self._tokens.get(session.id):
            raise _refusal(401)
        return session

    async def talk(self, session: VendorSession, wire: Wire, fault: SocketFault | None) -> None:
        """Receive messages and send reports until the socket closes.

        Args:
            session: The session of the socket.
            wire: The end of the server.
            fault: The fault of the socket, or None.
        """
        mode = fault.mode if fault is not None else ""
        self._wires[session.id] = wire
        try:
            while session.id not in self._avatars and session.ended_at is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if mode != "unready":
                await self._send(wire, self.encode_report("ready", "", 0.0))
            await self._receive(session, wire, fault)
        except SocketClosedError:
            return
        finally:
            if self._wires.get(session.id) is wire:
                del self._wires[session.id]

    async def _receive(
        self, session: VendorSession, wire: Wire, fault: SocketFault | None
    ) -> None:
        avatar, began_s, is_due = self._avatars[session.id], 0.0, fault is not None
        began_s = avatar.received_s
        while True:
            if is_due and fault is not None and avatar.received_s - began_s >= fault.at_s:
                is_due = False
                await self._break(session, wire, fault)
            message = await wire.receive()
            if message is None:
                continue
            try:
                command = self.read_command(message)
            except (ValueError, KeyError, TypeError, AttributeError):
                command = Command("other")
            self.commands.append(command)
            match command.kind:
                case "begin":
                    late = self._waiting.pop(session.id, []) if _is_late(fault) else []
                    avatar.begin(command.take_id)
                    await self._send(wire, late)
                case "audio":
                    avatar.push(command.pcm)
                case "end":
                    avatar.end()
                case "cut":
                    avatar.cut()
                case "close":
                    self.account.end(session, "the customer closed it")

    async def _break(self, session: VendorSession, wire: Wire, fault: SocketFault) -> None:
        """Carry out a fault; modes that concern the handshake or the reports do nothing here."""
        if fault.ends_session:
            avatar = self._avatars.get(session.id)
            self._tokens[session.id] = ""
            if avatar is not None:
                avatar.stop()
        match fault.mode:
            case "abort" if isinstance(wire, MemoryWire):
                wire.abort()
            case "abort":
                await wire.aclose(0)
            case "close":
                await wire.aclose(fault.code)
            case "cut off" if isinstance(wire, MemoryWire):
                wire.cut_off()
                await asyncio.Event().wait()
            case "cut off" | "stall":
                await asyncio.Event().wait()
            case "send":
                await self._send(wire, [fault.message])

    @staticmethod
    async def _send(wire: Wire, messages: list[Message]) -> None:
        for message in messages:
            await wire.send(message)

    # The avatars.

    async def _launch(self, session: VendorSession, _: Scenario) -> Mapping[str, Any]:
        """Start the avatar of a session in the room.

        Returns:
            The record of the avatar's task.
        """
        link = admit(self.room, session.token)

        def report(kind: str, take_id: str, played_s: float) -> None:
            """Send a report on the socket of the session, if the socket is open.

            Args:
                kind: The kind of the report.
                take_id: The id of the take.
                played_s: Seconds of the take that were played.
            """
            self._report(session, kind, take_id, played_s)

        avatar = SocketAvatar(link, self._format, self._every_s, report)
        state = await in_process.start(avatar.run(), avatar.is_ready)
        self._avatars[session.id] = avatar
        return state

    def _report(self, session: VendorSession, kind: str, take_id: str, played_s: float) -> None:
        wire, mute = self._wires.get(session.id), SOCKET_FAULTS["never confirms"]
        messages = self.encode_report(kind, take_id, played_s)
        if any(fault == SOCKET_FAULTS["late messages"] for fault, _ in self._socket_faults):
            self._waiting.setdefault(session.id, []).extend(messages)
        if wire is None or any(fault == mute for fault, _ in self._socket_faults):
            return
        task = asyncio.create_task(self._send_quietly(wire, messages), name="vendor's report")
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

    async def _send_quietly(self, wire: Wire, messages: list[Message]) -> None:
        try:
            await self._send(wire, messages)
        except SocketClosedError:
            return

    async def aclose(self) -> None:
        """Close all sockets, cancel the calls in progress, and close the account."""
        for task in self._talking:
            task.cancel()
        await asyncio.gather(*self._talking, return_exceptions=True)
        await super().aclose()

    def on_session_end(self, session: VendorSession) -> None:
        """Close the socket of a session that has ended.

        Args:
            session: The session that has ended.
        """
        wire = self._wires.pop(session.id, None)
        self._avatars.pop(session.id, None)
        if wire is not None:
            task = asyncio.create_task(wire.aclose(1000), name="vendor's socket close")
            self._talking.add(task)
            task.add_done_callback(self._talking.discard)


def _refusal(status: int) -> HandshakeError:
    return HandshakeError(f"the vendor refused the handshake with status {status}", status)


def _is_late(fault: SocketFault | None) -> bool:
    return fault is not None and fault.mode == "late"
