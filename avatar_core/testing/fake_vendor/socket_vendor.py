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
import secrets
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_messages import Message, SocketOptions
from avatar_core.bases.socket_wire import HandshakeError, SocketClosedError, Wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.http.memory import FakeResponse
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.fake_vendor.socket_avatar import SocketAvatar, play
from avatar_core.testing.fake_vendor.socket_dialog import Command, SocketDialog, receive_until
from avatar_core.testing.fake_vendor.socket_faults import FaultySockets, SocketFault
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.worker import in_process

MEMORY_SOCKETS = "wss://vendor.invalid"
"""The base URL of the sockets of a vendor in memory."""


class SocketVendor(FaultySockets, FakeVendor):
    """The server of a vendor with sockets.

    Override `read_command`, `encode_report`, `token_of` and `handle` to imitate another vendor.

    Args:
        account: The account of the only customer. If the account has a `room`, the avatars of this
            vendor join the room, and `launch_worker` of the account is replaced.
        format: The format of the audio that the vendor expects.
        position_every_s: Seconds between two reports of a position; 0 for none.
        key: An API key that the server accepts.

    Attributes:
        sockets: The base URL of the sockets; `serve_http` sets it to the URL of its server.
        commands: Every command that arrived, in order.
        handshakes: The number of sockets that were opened.
        format: The format of the audio that the vendor expects.
        position_every_s: Seconds between two reports of a position; 0 for none.
        limits: The least and the most seconds of audio in a message, and whether the last message
            of a take must be long enough too (`pads_last`). None means no limits.
            `SocketTransportSuite` then takes the limits that the provider declares.
        problems: Each message that was too short or too long, as a sentence with a next step.
    """

    limits: SocketOptions | None = None

    def __init__(
        self,
        account: VendorAccount,
        *,
        format: AudioFormat = AudioFormat(24_000),  # noqa: B008 - the dataclass is frozen
        position_every_s: float = 0.1,
        key: str = "vendor-key",
    ) -> None:
        super().__init__(account, key=key)
        self.sockets = MEMORY_SOCKETS
        self.commands: list[Command] = []
        self.problems: list[str] = []
        self.handshakes = 0
        if account.room is not None:
            account.launch_worker = self._launch
        self.format = format
        self.position_every_s = position_every_s
        self._avatars: dict[str, SocketAvatar] = {}
        self._tokens: dict[str, str] = {}
        self._dialogs: dict[str, SocketDialog] = {}
        self._talking: set[asyncio.Task[None]] = set()

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
        sent = address.headers.items()
        headers = {name.lower(): value.get_secret_value() for name, value in sent}
        fault = self.next_socket_fault()
        session = await self.accept(address.url.get_secret_value(), headers, fault)
        client, server = MemoryWire.make_pair()
        self._start(self.talk(session, server, fault))
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
        early = await receive_until(wire, lambda: self._is_ready(session))
        avatar = self._avatars.get(session.id)
        if avatar is None:
            return await wire.aclose()
        dialog = SocketDialog(wire, avatar, self, fault)
        self._dialogs[session.id] = dialog
        try:
            close = partial(self.account.end, session, "the customer closed it")
            return await dialog.run(close, early)
        except SocketClosedError:
            return None
        finally:
            if self._dialogs.get(session.id) is dialog:
                del self._dialogs[session.id]

    def forget_token(self, avatar: SocketAvatar) -> None:
        """Refuse further sockets of the session of an avatar.

        Args:
            avatar: The avatar.
        """
        for id, other in self._avatars.items():
            if other is avatar:
                self._tokens[id] = ""

    # The avatars.

    def _is_ready(self, session: VendorSession) -> bool:
        """Return whether the avatar of a session has published its tracks, or will never do so."""
        avatar = self._avatars.get(session.id)
        return session.ended_at is not None or (avatar is not None and avatar.is_ready.is_set())

    async def _launch(self, session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        """Start the avatar of a session in the room.

        Returns:
            The record of the avatar's task.
        """
        assert self.account.room is not None
        avatar = SocketAvatar(self.format, self.position_every_s, partial(self._report, session))
        self._avatars[session.id] = avatar
        playing = play(avatar, self.account.room, session.token, scenario)
        return await in_process.start(playing, avatar.is_ready)

    def _report(self, session: VendorSession, kind: str, take_id: str, played_s: float) -> None:
        if dialog := self._dialogs.get(session.id):
            self._start(dialog.report(self.encode_report(kind, take_id, played_s)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="vendor's socket")
        self._talking.add(task)
        task.add_done_callback(self._talking.discard)

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
        self._avatars.pop(session.id, None)
        if dialog := self._dialogs.pop(session.id, None):
            self._start(dialog.wire.aclose())


def _refusal(status: int) -> HandshakeError:
    return HandshakeError(f"the vendor refused the handshake with status {status}", status)
