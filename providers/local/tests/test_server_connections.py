"""A server closes connections whose request head does not arrive, and serves all others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from avatar_provider_local.connections import MAX_WAITING, Connections, LimitedRunner
from avatar_provider_local.serving import serve

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
WHOLE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TEST_S = 20.0

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Site:
    """A server with one slow page, and its clients."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.entered, self.released = asyncio.Event(), asyncio.Event()
        self.clients: list[Client] = []

    async def page(self, _: web.Request) -> web.Response:
        self.entered.set()
        await self.released.wait()
        return web.Response(text="response")

    async def send(self, data: bytes) -> Client:
        client = await asyncio.open_connection("127.0.0.1", self.port)
        client[1].write(data)
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for _, writer in self.clients:
            writer.close()


@asynccontextmanager
async def site(connections: Connections) -> AsyncIterator[Site]:
    made = Site(0)
    app = web.Application(middlewares=[connections.middleware])
    app.router.add_get("/", made.page)
    runner = LimitedRunner(app, connections, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    try:
        async with asyncio.timeout(TEST_S):
            yield made
    finally:
        await made.close()
        await runner.cleanup()


async def is_closed(client: Client) -> bool:
    """Wait until the server has closed the connection."""
    with contextlib.suppress(ConnectionError):  # a reset closes the connection too
        await client[0].read()
    return True


async def responds(client: Client) -> bool:
    """Read one response."""
    head = await client[0].readuntil(b"\r\n\r\n")
    await client[0].readexactly(len("response"))
    return head.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("data", [b"", b"G", HALF], ids=["nothing", "a letter", "half"])
async def test_late_request_head_closes_its_connection(data: bytes) -> None:
    async with site(Connections(head_s=0.1)) as server:
        assert await is_closed(await server.send(data))


async def test_second_incomplete_request_head_closes_its_connection() -> None:
    async with site(Connections(head_s=0.1)) as server:
        server.released.set()
        client = await server.send(WHOLE)
        assert await responds(client)
        client[1].write(HALF)
        assert await is_closed(client)


async def test_slow_response_is_sent_completely() -> None:
    async with site(Connections(head_s=0.1)) as server:
        client = await server.send(WHOLE)
        await server.entered.wait()
        assert await is_closed(await server.send(HALF))  # so head_s has passed
        server.released.set()
        assert await responds(client)


async def test_oldest_of_too_many_connections_without_a_request_head_is_closed() -> None:
    async with site(Connections(limit=4)) as server:
        slow = await server.send(WHOLE)
        await server.entered.wait()
        half = [await server.send(HALF) for _ in range(10)]
        for client in half[:6]:
            assert await is_closed(client)
        server.released.set()
        assert await responds(await server.send(WHOLE))
        assert await responds(slow)


async def test_worker_server_responds_despite_256_incomplete_request_heads() -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.create_task(serve(host="127.0.0.1", port=0, limit=2, say=said.put_nowait))
    async with asyncio.timeout(TEST_S):
        port = int((await said.get()).split()[0].rpartition(":")[2])
        half = Site(port)
        clients = [await half.send(HALF) for _ in range(256)]
        for client in clients[: 256 - MAX_WAITING]:
            assert await is_closed(client)
        reader, _ = await half.send(b"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await half.close()
        serving.cancel()
        await asyncio.wait({serving})
