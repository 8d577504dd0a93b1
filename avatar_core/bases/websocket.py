"""The base class of providers for vendors that receive audio over a WebSocket."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

from pydantic import SecretStr

from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.bases.socket_address import SocketAddress, make_address, problem_of
from avatar_core.bases.socket_messages import Messages, SocketMessages, SocketOptions
from avatar_core.bases.socket_transport import SocketTransport
from avatar_core.bases.socket_wire import Connect
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import ConfigError, ProtocolError, TransportError
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider import S, SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.sink import AudioSink
from avatar_core.http.request import Request
from avatar_core.http.response import HINT, Response

LEAST_S = 0.1
"""Seconds that the second request has at least."""


@dataclass(slots=True)
class _Session:
    """The part of a session that exists only in the memory of the agent's process.

    Attributes:
        address: The URL and the secrets of its socket.
        transport: Its transport; None before `create_sink`.
    """

    address: SocketAddress = field(repr=False)
    transport: SocketTransport | None = None


class WebSocketAvatarProvider(RestAvatarProvider[S], SocketMessages):
    """Base class of a provider for a vendor that receives audio over a WebSocket. Provisional.

    A subclass declares the endpoints as in `RestAvatarProvider`, and defines `encode`, `encode_cut`
    and `on_message`. The URL of the socket and its token exist only in the memory of the process
    that created the session. `release` does not need them.

    Without `create`, the session begins and ends with the socket: `url` is the URL of the socket,
    and `payload` is its first message, as JSON.

    Attributes:
        create: Method and path of the request that creates a session. An empty string means that
            the vendor has no such request.
        socket_key: Path of the URL of the socket in the vendor's response, such as `data.ws_url`.
        socket_auth: The way in which the handshake carries its token: a header and a scheme as in
            `auth`, `?name` for the query, or an empty string for none, for example because the URL
            contains the token.
        socket_token_key: Path of the token of the handshake in the vendor's response. An empty
            string means the setting `api_key`.
        min_chunk_s: The least seconds of audio in a message.
        first_chunk_s: The least seconds in the first message of a take; 0 means `min_chunk_s`.
        max_chunk_s: The most seconds of audio in a message.
        pads_last: Whether avatar-core adds silence to the last message of a take if the message is
            too short. Set it to False if the vendor plays a shorter last message. The silence
            counts in no position, and avatar-core does not send it again after a reconnect.
        keep_alive_s: Seconds between two messages of `encode_keep_alive`; 0 sends none.
        reconnect_s: Seconds within which a closed socket may be opened again; 0 means never. More
            than one second makes a gap that the health check takes for a dead avatar.
        waits_for_ready: Whether the vendor accepts messages only after the fact `ready`.
        connect: Opens a socket, for tests; None means the network.
    """

    create: ClassVar[str] = ""
    socket_key: ClassVar[str] = "ws_url"
    socket_auth: ClassVar[str] = ""
    socket_token_key: ClassVar[str] = ""
    min_chunk_s: ClassVar[float] = 0.0
    first_chunk_s: ClassVar[float] = 0.0
    max_chunk_s: ClassVar[float] = 1.0
    pads_last: ClassVar[bool] = True
    keep_alive_s: ClassVar[float] = 0.0
    reconnect_s: ClassVar[float] = 1.0
    waits_for_ready: ClassVar[bool] = False
    connect: Connect | None = None

    def setup(self) -> None:
        """Create the REST client, and set the capabilities.

        Raises:
            ConfigError: A URL, the key or the sizes of the pieces are invalid.
        """
        self._sessions: dict[str, _Session] = {}
        super().setup()
        longest_s = max(self.min_chunk_s, self.first_chunk_s)
        if self.max_chunk_s <= 0 or longest_s > self.max_chunk_s:
            raise ConfigError(
                f"max_chunk_s={self.max_chunk_s:g} is shorter than the other pieces of audio.",
                provider=self.name,
                hint="Set max_chunk_s to at least min_chunk_s and first_chunk_s.",
            )
        can = self.capabilities
        run_ahead_s = max(can.run_ahead_s, 2 * longest_s)  # else the speech has gaps
        self.capabilities = replace(can, run_ahead_s=run_ahead_s)

    def base_url(self) -> str:
        """Return the URL of the vendor's API; the URL of the socket if the class has no `create`.

        Returns:
            The URL with the scheme https or http.
        """
        url = super().base_url()
        is_socket = not self.create and url.startswith(("wss://", "ws://"))
        return f"http{url.removeprefix('ws')}" if is_socket else url

    def check_room(self, request: ProvisionRequest) -> None:
        """Check that the vendor's servers can connect to the room, unless a test fakes the vendor.

        Args:
            request: The room to join.

        Raises:
            UnavailableError: The vendor cannot connect to the room.
        """
        if self.create or self.connect is None:
            super().check_room(request)

    # One session: its creation, its address, and its end.

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session at the vendor, and keep the address of its socket in memory.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The record of the session, without the address.

        Raises:
            ProvisionError: The vendor cannot connect to the room, or a call failed.
        """
        until_s = loop_time() + request.deadline_s
        if self.create:
            response = await self.call_create(request)
            avatar = self.read_avatar(response, request)
            request.claim(avatar)
            left_s = max(LEAST_S, until_s - loop_time())
            rest = replace(request, deadline_s=left_s)
            response = await self.start_session(avatar, response, rest)
        else:
            self.check_room(request)
            cap_s = self.capabilities.max_session_s
            until = time.time() + cap_s if cap_s else None
            avatar = ProvisionedAvatar(
                session_id=request.key, identity=request.identity, expires_at=until
            )
            request.claim(avatar)
            response = Response(200, {}, self.name)
        self._sessions[avatar.session_id] = _Session(self.address(response, request))
        return avatar

    async def start_session(
        self, avatar: ProvisionedAvatar, response: Response, request: ProvisionRequest
    ) -> Response:
        """Send a second request, for vendors that create and start a session separately.

        The default implementation sends nothing.

        Args:
            avatar: The record of the session, which is in the ledger already.
            response: The vendor's response to `create`.
            request: The request that `provision` received, with the seconds that are left.

        Returns:
            The response from which `address` reads the URL of the socket.

        Raises:
            ProvisionError: The call failed.
        """
        return response

    def address(self, response: Response, request: ProvisionRequest) -> SocketAddress:
        """Return the address of a session's socket. Override it for other kinds of handshakes.

        Args:
            response: The vendor's response; it has no values if the class has no `create`.
            request: The request that `provision` received.

        Returns:
            The URL from `socket_key`, with the token as `socket_auth` says.

        Raises:
            ProtocolError: The response has no valid URL of a socket, or no token.
        """
        first: tuple[SecretStr, ...] = ()
        if self.create:
            url = response.secret(self.socket_key)
        else:
            url = SecretStr(f"ws{self.rest.url.removeprefix('http')}")
            first = (SecretStr(Request("", "", None).encode(self.payload(request)).decode()),)
        settings: Any = self.settings
        key = self.socket_token_key
        token: SecretStr = response.secret(key) if key else settings.api_key
        address = make_address(url, auth=self.socket_auth, token=token, first=first)
        if problem := problem_of(address):
            raise ProtocolError(problem, provider=self.name, hint=HINT)
        return address

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the session at the vendor, from the record alone, and forget the socket's address.

        Args:
            avatar: The record of the session.
            reason: The reason of the end, which the vendor does not receive.

        Raises:
            ProvisionError: The call failed, or the vendor refused to end the session.
        """
        await super().release(avatar, reason)
        self._sessions.pop(avatar.session_id, None)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the socket of a session is lost, or the vendor reports the session's end.

        Args:
            avatar: The record of the session.

        Returns:
            The reason, for logs.

        Raises:
            ProvisionError: A subclass may raise it.
        """
        session = self._sessions.get(avatar.session_id)
        if session is None or session.transport is None:
            return await super().watch(avatar)
        return await session.transport.wait_until_lost()

    async def send(self, avatar: ProvisionedAvatar, messages: Messages) -> None:
        """Send messages on the socket of a session, for `control`.

        Args:
            avatar: The record of the session.
            messages: The messages, in order.

        Raises:
            TransportError: The socket is not open, or was lost.
        """
        session = self._sessions.get(avatar.session_id)
        if session is None or session.transport is None:
            raise self._unknown_address()
        await session.transport.send(messages)

    # The transport.

    def socket_options(self) -> SocketOptions:
        """Return the limits of the vendor's socket, as the attributes of the class declare them.

        Returns:
            The limits.
        """
        names = (option.name for option in fields(SocketOptions))
        return SocketOptions(**{name: getattr(self, name) for name in names})

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Create the sink, and the connection that the sink shares with the tracker.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            The sink.

        Raises:
            TransportError: This process did not create the session.
        """
        session = self._sessions.get(ctx.avatar.session_id)
        if session is None:
            raise self._unknown_address()
        if session.transport is not None:
            session.transport.sink.is_last = False
        session.transport = SocketTransport(
            self.name, ctx, self, session.address, self.socket_options(), self.connect
        )
        return session.transport.sink

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Return the tracker of the connection that `create_sink` created.

        Args:
            ctx: The context that `create_sink` received.

        Returns:
            The tracker.
        """
        session = self._sessions.get(ctx.avatar.session_id)
        transport = session.transport if session is not None else None
        return transport.tracker if transport is not None else None

    def _unknown_address(self) -> TransportError:
        return TransportError(
            "the address of the vendor's socket is unknown.",
            provider=self.name,
            hint="Create a new session: avatar-core does not store the address.",
        )
