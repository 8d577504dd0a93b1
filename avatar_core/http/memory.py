"""An HTTP server in memory, for `RestClient(transport=...)`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class FakeResponse:
    """A response that a fake server sends.

    Attributes:
        status: HTTP status code.
        headers: Header values by name.
        body: The whole body, or an iterator over its pieces.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: AsyncIterator[bytes] | bytes = b""


Serve = Callable[[str, str, Mapping[str, str], bytes], Awaitable[FakeResponse]]
"""(method, path with its query, headers by lower-case name, body) -> response

Raises ConnectionRefusedError for a request that does not arrive, and ConnectionResetError to
break the connection after it arrived.
"""


class MemoryTransport(httpx.AsyncBaseTransport):
    """An httpx transport that passes requests to a function instead of a network.

    Args:
        serve: Handles each request.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, with the trace events that `Request.trace` reads.

        Args:
            request: The request, as httpx builds it.

        Returns:
            The response; its body is streamed.

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
