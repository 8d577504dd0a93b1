"""Serves a fake vendor over HTTP on the loopback interface."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from avatar_core.net import is_local_request
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.socket_server import serve_socket
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor

SHUTDOWN_S = 0.5


@asynccontextmanager
async def serve_http(
    vendor: FakeVendor, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve a fake vendor over HTTP on 127.0.0.1 while the `async with` block runs.

    The server refuses requests of web pages of other sites, also with DNS rebinding.

    Args:
        vendor: The vendor; it stays open after the block.
        port: The TCP port; 0 chooses a free port.
        tls: The context with the server's certificate, for https; None for http. A test may pass a
            certificate that the client does not trust, as a further fault.

    Yields:
        The base URL of the server.

    Raises:
        OSError: The port is in use.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        """Pass a request to the vendor, and send the vendor's response.

        Args:
            request: The request, as aiohttp passes it.

        Returns:
            The response that was sent; an empty response if a fault closed the connection.

        Raises:
            Exception: Any exception of a subclass's `handle`; aiohttp responds with status 500.
        """
        if not is_local_request(request.headers.get("Host", ""), request.headers.get("Origin")):
            return web.json_response(
                {"error": "The server refuses requests from other machines and websites."},
                status=403,
            )
        if isinstance(vendor, SocketVendor) and "upgrade" in request.headers:
            return await serve_socket(vendor, request)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            fake = await vendor.serve(request.method, request.raw_path, headers, body)
        except (ConnectionRefusedError, ConnectionResetError):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(fake.body, bytes):
            return web.Response(status=fake.status, headers=fake.headers, body=fake.body)
        response = web.StreamResponse(status=fake.status, headers=fake.headers)
        await response.prepare(request)
        async for piece in fake.body:
            await response.write(piece)
        return response

    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(
        app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        address = f"127.0.0.1:{runner.addresses[0][1]}"
        if isinstance(vendor, SocketVendor):
            vendor.sockets = f"{'wss' if tls else 'ws'}://{address}"
        yield f"{'https' if tls else 'http'}://{address}"
    finally:
        await runner.cleanup()
