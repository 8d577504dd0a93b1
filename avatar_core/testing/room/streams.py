"""Byte streams in memory: messages arrive at each reader in the order of the writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.streams import StreamReader, StreamWriter


class MemoryReader(StreamReader):
    """The receiver's end of a byte stream.

    `MemoryLink.receive` creates it.

    Args:
        sender: The identity of the sender.
        attributes: The attributes of the stream.

    Attributes:
        sender: The identity of the sender.
        attributes: The attributes of the stream.
    """

    def __init__(self, sender: str, attributes: Mapping[str, str]) -> None:
        self.sender = sender
        self.attributes = dict(attributes)
        self._queue: asyncio.Queue[bytes | RoomError | None] = asyncio.Queue()
        self._closed = False

    def put(self, item: bytes | RoomError | None) -> None:
        """Add an item to the queue of the reader; a closed reader ignores the item.

        Args:
            item: A message, an error that ends the stream abnormally, or None for the normal end.
        """
        if not self._closed:
            self._queue.put_nowait(item)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages in their order.

        Yields:
            The next message.

        Raises:
            RoomError: The stream ended abnormally.
        """
        while not self._closed:
            item = await self._queue.get()
            if item is None:
                return
            if isinstance(item, RoomError):
                raise item
            yield item

    def close(self) -> None:
        """Stop reading, and ignore all later messages."""
        self.put(None)
        self._closed = True


class MemoryWriter(StreamWriter):
    """The sender's end of a byte stream.

    `MemoryLink.open_stream` creates it.

    Args:
        use: The sender's `MemoryLink.use`, which checks that the sender is in the room.
        later: The room's `MemoryRoom.later`, which delays a call by the room's latency.

    Attributes:
        readers: The readers of all receivers; empty until the header of the stream has arrived.
        broken: Whether a disconnect or a reconnect broke the stream, so that receivers get no more
            messages.
    """

    def __init__(
        self,
        use: Callable[[], Awaitable[None]],
        later: Callable[[Callable[[], object]], None],
    ) -> None:
        self._use = use
        self._later = later
        self.readers: list[MemoryReader] = []
        self._closed = False
        self.broken = False

    async def write(self, data: bytes) -> None:
        """Send one message, which arrives after the room's latency.

        Args:
            data: The content of the message.

        Raises:
            RoomError: The sender is not in the room.
        """
        await self._use()
        if not self.broken:
            self._later(lambda: self._bring(bytes(data)))

    async def aclose(self, reason: str = "") -> None:
        """End the stream; idempotent.

        Args:
            reason: The reason of an abnormal end; empty for a normal end.

        Raises:
            RoomError: The sender is not in the room.
        """
        if self._closed:
            return
        self._closed = True
        await self._use()
        end = RoomError(f"An incoming byte stream ended abnormally ({reason}).") if reason else None
        if not self.broken:
            self._later(lambda: self._bring(end))

    def _bring(self, item: bytes | RoomError | None) -> None:
        for reader in self.readers:
            reader.put(item)
