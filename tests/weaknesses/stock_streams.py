"""Byte streams in memory, as `rtc.ByteStreamReader` and `rtc.ByteStreamWriter`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from avatar_core.testing.clock import now


class StockReader:
    """The receiver's end of a byte stream, as `rtc.ByteStreamReader`.

    Attributes:
        info: The attributes of the stream.
        closed: Whether the stream was read to its end or closed, so that livekit frees it.
    """

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.info = SimpleNamespace(stream_id="stream", attributes=dict(attributes))
        self.closed = False
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    def put(self, item: bytes | Exception | None) -> None:
        """Add a chunk, an error, or None for the trailer.

        Args:
            item: The chunk, the error or None.
        """
        self._queue.put_nowait(item)

    def __aiter__(self) -> StockReader:
        return self

    async def __anext__(self) -> bytes:
        item = await self._queue.get()
        if isinstance(item, bytes):
            return item
        self.closed = True
        raise item or StopAsyncIteration

    def close(self) -> None:
        self.closed = True


class StockWriter:
    """The sender's end of a byte stream, as `rtc.ByteStreamWriter`.

    Attributes:
        attributes: The attributes of the stream.
        chunks: The time and the content of each chunk.
        readers: The receivers' ends.
        closed: Whether the trailer was sent.
        error: An exception that `write` raises.
    """

    def __init__(self, attributes: Mapping[str, str], readers: list[StockReader]) -> None:
        self.attributes = dict(attributes)
        self.readers = readers
        self.chunks: list[tuple[float, bytes]] = []
        self.closed = False
        self.error: Exception | None = None

    async def write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.chunks.append((now(), data))
        for reader in self.readers:
            reader.put(data)

    async def aclose(self, *, reason: str = "", attributes: Any = None) -> None:
        self.closed = True
        for reader in self.readers:
            reader.put(None)
