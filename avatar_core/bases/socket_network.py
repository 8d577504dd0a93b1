"""WebSockets over the network. This is the only module of `bases` that imports aiohttp."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import aiohttp

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_messages import Message
from avatar_core.bases.socket_wire import (
    ABNORMAL,
    MAX_MESSAGE_BYTES,
    NORMAL,
    HandshakeError,
    SocketClosedError,
    Wire,
)
from avatar_core.http.errors import describe_failure

CLOSE_S = 0.4
"""Seconds that the closing handshake may take."""
REDIRECT = 307
_CLOSED = (aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
"""The types of a connection that ended without a close code."""


class _RedirectError(Exception):
    """The vendor redirects the handshake. A redirect could send the token to another host."""


class NetworkWire(Wire):
    """A WebSocket of aiohttp.

    Args:
        session: The client session, which `aclose` closes.
        socket: The open socket.
    """

    def __init__(
        self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self._session = session
        self._socket = socket

    async def send(self, message: Message) -> None:
        """Send a message, and wait while the buffer of the connection is full.

        Args:
            message: Text or bytes.

        Raises:
            SocketClosedError: The socket has closed.
        """
        try:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
        except (OSError, aiohttp.ClientError):
            raise self._closed() from None

    async def receive(self) -> Message | None:
        """Wait for the next message, and respond to a ping.

        Returns:
            The message; None for a ping or a pong.

        Raises:
            SocketClosedError: The socket has closed, or a message is too long.
        """
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT or message.type is aiohttp.WSMsgType.BINARY:
            content: Message = message.data
            return content
        if message.type is aiohttp.WSMsgType.PING:
            with suppress(OSError, aiohttp.ClientError):
                await self._socket.pong(message.data)
        elif message.type is aiohttp.WSMsgType.CLOSE:
            raise SocketClosedError(int(message.data))
        elif message.type in _CLOSED:
            raise SocketClosedError(ABNORMAL, "broke")
        elif message.type is aiohttp.WSMsgType.ERROR:
            code = getattr(message.data, "code", None) or self._socket.close_code or ABNORMAL
            raise SocketClosedError(int(code), f"received invalid data (code {int(code)})")
        return None

    async def ping(self) -> None:
        """Send a ping.

        Raises:
            SocketClosedError: The socket has closed.
        """
        try:
            await self._socket.ping()
        except (OSError, aiohttp.ClientError):
            raise self._closed() from None

    async def aclose(self, code: int = NORMAL) -> None:
        """Close the socket and its session within `CLOSE_S` each.

        Args:
            code: The close code.
        """
        for closing in (self._socket.close(code=code), self._session.close()):
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_S):
                    await closing

    def _closed(self) -> SocketClosedError:
        code = self._socket.close_code or ABNORMAL
        return SocketClosedError(code, "broke" if code == ABNORMAL else "")


async def connect(address: SocketAddress) -> Wire:
    """Open a WebSocket. The caller sets the deadline.

    Args:
        address: The URL and the secrets of the handshake.

    Returns:
        The open socket.

    Raises:
        HandshakeError: The vendor cannot be reached, refused the handshake, or redirects it.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse_redirect)
    session = aiohttp.ClientSession(trace_configs=[trace], trust_env=True)
    try:
        socket = await session.ws_connect(
            address.url.get_secret_value(),
            headers={name: value.get_secret_value() for name, value in address.headers.items()},
            protocols=[value.get_secret_value() for value in address.protocols],
            autoping=False,
            compress=0,
            max_msg_size=MAX_MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
        )
        return NetworkWire(session, socket)
    except aiohttp.WSServerHandshakeError as error:
        cause = f"the vendor refused the handshake with status {error.status}"
        failure = HandshakeError(cause, error.status)
    except _RedirectError:
        failure = HandshakeError("the vendor redirects the handshake", REDIRECT)
    except (OSError, aiohttp.ClientError, ValueError) as error:
        failure = HandshakeError(f"the socket cannot be opened: {describe_failure(error)}")
    except asyncio.CancelledError:
        await session.close()
        raise
    # Raised outside of the block, because the errors of aiohttp quote the URL and the headers.
    await session.close()
    raise failure


async def _refuse_redirect(_: aiohttp.ClientSession, __: SimpleNamespace, ___: Any) -> None:
    raise _RedirectError
