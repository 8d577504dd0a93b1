"""A vendor over real TCP that answers with whatever bytes a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

Talk = Callable[["Caller"], Awaitable[None]]


class Caller:
    """One connection of a client, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def request(self) -> tuple[str, bytes]:
        """The head and the body of what is asked."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [
            line.split(":")[1]
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        ]
        return head, await self._reader.readexactly(int(lengths[0]) if lengths else 0)

    async def say(self, data: bytes) -> None:
        """Send some bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
        await self.say("\r\n".join(lines).encode() + body)

    def reset(self) -> None:
        """Break off with RST instead of an orderly end."""
        plain = self._writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has closed."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read()


class Vendor:
    """A listening server.

    Attributes:
        url: Its plain address.
        calls: Connections that were made to it.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._talks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.calls = 0

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await self._talk(Caller(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def aclose(self) -> None:
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)


@contextlib.asynccontextmanager
async def vendor(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[Vendor]:
    """A server on a free port of loopback, for as long as it is entered."""
    running = Vendor(talk)
    server = await asyncio.start_server(running._meet, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    running.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    async with server:
        yield running
        server.close()
        await running.aclose()
