"""A TCP server that sends whatever bytes a test needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Script = Callable[["Connection"], Awaitable[None]]
"""What the server does with one connection."""


class Connection:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def request(self) -> tuple[str, bytes]:
        """Receive a request; return its head and its body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [
            line.split(":")[1]
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        ]
        return head, await self._reader.readexactly(int(lengths[0]) if lengths else 0)

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def respond(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Send a complete response."""
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
        await self.send("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Close the connection with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()


class WireServer:
    """A listening server.

    Attributes:
        url: Its base URL.
        connections: Number of connections that were made to it.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.connections = 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client_left = (ConnectionError, asyncio.IncompleteReadError)
        with contextlib.closing(writer), contextlib.suppress(*client_left):
            await self._script(Connection(reader, writer))

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def wire_server(
    script: Script, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WireServer]:
    """Run a server on a free port of 127.0.0.1 while the block runs."""
    running = WireServer(script)
    server = await asyncio.start_server(running._accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    running.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    async with server:
        yield running
        server.close()
        await running.aclose()
