"""Limits for connections that have not sent a whole request head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

HEAD_S = 10.0
"""Seconds that a client has to send a request head."""
IDLE_S = 75.0
"""Seconds for which a connection without a request stays open."""
MAX_WAITING = 64
"""Maximum number of connections without a whole request head; the server closes the oldest of more
connections. A process may have only 256 open files, so 256 incomplete request heads would block all
other clients."""


class Connections:
    """The connections of a server, with a limit for connections without a whole request head.

    Args:
        head_s: Seconds that a client has to send a request head.
        limit: Maximum number of connections without a whole request head.
    """

    def __init__(self, head_s: float = HEAD_S, limit: int = MAX_WAITING) -> None:
        self.head_s = head_s
        self._limit = limit
        self._all: dict[asyncio.Protocol, _Connection] = {}
        self._waiting: dict[_Connection, None] = {}  # oldest first

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Note that a request head is complete, and pass the request on.

        Args:
            request: The request.
            handler: The next handler.

        Returns:
            The response of the next handler.

        Raises:
            Exception: Any exception of the next handler.
        """
        connection = self._all.get(request.protocol)
        if connection is not None:
            self._waiting.pop(connection, None)
            connection.limit(None)
        try:
            return await handler(request)
        finally:
            if connection is not None and request.protocol in self._all:
                self._waiting[connection] = None
                connection.limit(IDLE_S)

    def wrap(self, create: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a factory of limited connections.

        Args:
            create: Creates the protocol of a connection, as the server of aiohttp does.

        Returns:
            A factory for `loop.create_server`.
        """
        return lambda: _Connection(create(), self)

    def add(self, connection: _Connection) -> None:
        """Add a new connection, and close the oldest connection above the limit.

        Args:
            connection: The connection.
        """
        self._all[connection.inner] = connection
        self._waiting[connection] = None
        if len(self._waiting) > self._limit:
            next(iter(self._waiting)).abort()

    def remove(self, connection: _Connection) -> None:
        """Remove a connection that was lost.

        Args:
            connection: The connection.
        """
        self._all.pop(connection.inner, None)
        self._waiting.pop(connection, None)

    def waits(self, connection: _Connection) -> bool:
        """Return whether a connection has not sent a whole request head.

        Args:
            connection: The connection.

        Returns:
            Whether the connection still waits for the rest of its request head.
        """
        return connection in self._waiting


class _Connection(asyncio.Protocol):
    """One connection, which passes all data to aiohttp's protocol, and closes late clients."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self.inner = inner
        self._connections = connections
        self._transport: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = False

    def limit(self, within_s: float | None) -> None:
        """Close the connection after a number of seconds.

        Args:
            within_s: Seconds from now; None for no limit.
        """
        if self._timer is not None:
            self._timer.cancel()
        self._is_idle = within_s is not None
        loop = asyncio.get_running_loop()
        self._timer = None if within_s is None else loop.call_later(within_s, self.abort)

    def abort(self) -> None:
        """Close the connection at once."""
        self._connections.remove(self)
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time until the first request head has arrived.

        Args:
            transport: The transport of the connection.
        """
        self._transport = transport
        self._connections.add(self)
        self.limit(self._connections.head_s)
        self._is_idle = False
        self.inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer, and remove the connection.

        Args:
            exc: The reason of the loss; None if the connection was closed.
        """
        self.limit(None)
        self._connections.remove(self)
        self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Limit the time of the next request head, and pass the data on.

        Args:
            data: Bytes of requests.
        """
        if self._is_idle and self._connections.waits(self):
            self.limit(self._connections.head_s)
            self._is_idle = False
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass the end of the client's data on.

        Returns:
            Whether the connection stays open for the response; None closes it.
        """
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        """Tell aiohttp that the write buffer is full."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """Tell aiohttp that the write buffer has space again."""
        self.inner.resume_writing()


class LimitedRunner(web.AppRunner):
    """A runner whose sites accept limited connections.

    Args:
        app: The application; its first middleware is `connections.middleware`.
        connections: The connections of its sites.
        options: The named arguments of `aiohttp.web.AppRunner`.
    """

    __slots__ = ("_connections",)

    def __init__(self, app: web.Application, connections: Connections, **options: Any) -> None:
        super().__init__(app, **options)
        self._connections = connections

    @property
    def server(self) -> Any:
        """The factory of connections that the sites use; None before `setup`."""
        server = super().server
        return None if server is None else self._connections.wrap(server)
