"""A server in memory, for `RestClient(transport=...)`: what it does, and what a wire would do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class Served:
    """An answer on its way.

    Attributes:
        status: Of HTTP.
        headers: By name.
        body: In the pieces in which it arrives.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: AsyncIterator[bytes] | bytes = b""


Serve = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Served]]
"""Answers (method, path with its query, headers by lower-case name, body).

It raises ConnectionRefusedError where nothing was taken in, ConnectionResetError after that.
"""


class MemoryTransport(httpx.AsyncBaseTransport):
    """Brings calls to a function instead of a network.

    Args:
        serve: The server.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, with the events by which a call knows whether it was sent."""
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("connection.connect_tcp.started", {})
        path = request.url.raw_path.decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        fault: httpx.TransportError
        try:
            if trace is not None:
                await trace("http11.send_request_headers.started", {})
            served = await self._serve(request.method, path, headers, await request.aread())
        except ConnectionRefusedError:
            fault = httpx.ConnectError("refused")
        except ConnectionResetError:
            fault = httpx.ReadError("reset")
        else:
            body = served.body
            stream = httpx.ByteStream(body) if isinstance(body, bytes) else _Pieces(body)
            return httpx.Response(served.status, headers=dict(served.headers), stream=stream)
        raise fault


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece
