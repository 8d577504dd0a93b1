"""A transport of httpx that calls a function in memory, for `RestClient(transport=...)`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class FakeResponse:
    """A response of a fake HTTP server in memory.

    Attributes:
        status: HTTP status code.
        headers: Header values by name.
        body: The whole body, or an iterator over its pieces.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: AsyncIterator[bytes] | bytes = b""


Serve = Callable[[str, str, Mapping[str, str], bytes], Awaitable[FakeResponse]]
"""A function that serves requests: (method, path with its query, headers by lower-case name, body)
-> response.

The function raises ConnectionRefusedError if the request must not arrive, and ConnectionResetError
if the connection must break after the request arrived.
"""


class MemoryTransport(httpx.AsyncBaseTransport):
    """An httpx transport that passes each request to a function instead of the network.

    Args:
        serve: The function that serves each request.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request to `serve`, and emit the trace events that `Request.trace` reads.

        Args:
            request: The request of httpx.

        Returns:
            The response, whose body is a stream.

        Raises:
            httpx.ConnectError: `serve` raised ConnectionRefusedError.
            httpx.ReadError: `serve` raised ConnectionResetError.
        """
        trace = request.extensions.get("trace")
        if trace is not None:
            await trace("connection.connect_tcp.started", {})
        path = request.url.raw_path.decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        fault: httpx.TransportError
        try:
            if trace is not None:
                await trace("http11.send_request_headers.started", {})
            response = await self._serve(request.method, path, headers, await request.aread())
        except ConnectionRefusedError:
            fault = httpx.ConnectError("The simulated server refused the connection.")
        except ConnectionResetError:
            fault = httpx.ReadError("The simulated server reset the connection.")
        else:
            body = response.body
            stream = httpx.ByteStream(body) if isinstance(body, bytes) else _Pieces(body)
            return httpx.Response(response.status, headers=dict(response.headers), stream=stream)
        raise fault


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece
