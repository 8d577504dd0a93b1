"""A vendor over TCP: on loopback, with everything that a socket can do to a call."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from avatar_core.testing.fake_vendor.fake import FakeVendor

STOP_S = 0.5


@asynccontextmanager
async def served(
    vendor: FakeVendor, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve while the block runs; yields its address.

    Args:
        vendor: Who answers; it is not closed with the block.
        port: Any free one where 0.
        tls: A certificate; one that nobody trusts is a fault of its own.

    Raises:
        OSError: The port is taken.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            reply = await vendor.serve(request.method, request.raw_path, headers, body)
        except (ConnectionRefusedError, ConnectionResetError):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(reply.body, bytes):
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        async for piece in reply.body:
            await response.write(piece)
        return response

    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
