"""Serves the sockets of a fake vendor over TCP, for `serve_http`."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import WSMsgType, web

from avatar_core.bases.socket_messages import Message
from avatar_core.bases.socket_wire import ABNORMAL, NORMAL, HandshakeError, SocketClosedError, Wire
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor


class ServerWire(Wire):
    """The server's end of a WebSocket of aiohttp, which answers pings while it receives.

    Args:
        request: The request of the handshake.
        socket: The open socket.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket

    async def send(self, message: Message) -> None:
        """Send a message.

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
        except (OSError, RuntimeError):
            raise SocketClosedError(ABNORMAL) from None

    async def receive(self) -> Message | None:
        """Wait for the next message.

        Returns:
            The message.

        Raises:
            SocketClosedError: The socket has closed.
        """
        message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            content: Message = message.data
            return content
        raise SocketClosedError(self._socket.close_code or ABNORMAL)

    async def ping(self) -> None:
        """Send a ping."""
        await self._socket.ping()

    async def aclose(self, code: int = NORMAL) -> None:
        """Close the socket; with the code 0, break the connection without a close message.

        Args:
            code: The close code.
        """
        if code:
            with suppress(OSError, RuntimeError):
                await self._socket.close(code=code)
        elif self._request.transport is not None:
            self._request.transport.abort()


async def serve_socket(vendor: SocketVendor, request: web.Request) -> web.StreamResponse:
    """Serve a socket of a fake vendor until it closes.

    Args:
        vendor: The vendor.
        request: The request of the handshake.

    Returns:
        The response: the socket, or the status with which the vendor refuses the handshake.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    fault = vendor.next_socket_fault()
    try:
        session = await vendor.accept(str(request.rel_url), headers, fault)
    except HandshakeError as error:
        return web.Response(status=error.status)
    socket = web.WebSocketResponse(timeout=0.2)
    await socket.prepare(request)
    await vendor.talk(session, ServerWire(request, socket), fault)
    return socket
