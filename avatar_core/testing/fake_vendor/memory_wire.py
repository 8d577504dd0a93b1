"""Two ends of a WebSocket in memory, which uses loop time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from avatar_core.bases.socket_messages import Message
from avatar_core.bases.socket_wire import (
    ABNORMAL,
    MAX_MESSAGE_BYTES,
    NORMAL,
    TOO_BIG,
    SocketClosedError,
    Wire,
)

LATENCY_S = 0.002
"""One-way latency of a socket in memory, in seconds."""
BUFFER_BYTES = 64 * 1024
"""Bytes that a socket accepts while the other end does not receive, as the buffers of a TCP
connection do."""


class MemoryWire(Wire):
    """One end of a WebSocket in memory. Use `make_pair`."""

    def __init__(self) -> None:
        self._other: MemoryWire = self
        self._inbox: deque[Message | None] = deque()
        self._on_the_way: deque[Callable[[], object]] = deque()
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._closed: SocketClosedError | None = None
        self._is_cut_off = self._is_receiving = False

    @classmethod
    def make_pair(cls) -> tuple[MemoryWire, MemoryWire]:
        """Create the two ends of an open socket.

        Returns:
            The ends of the client and of the server.
        """
        one, other = cls(), cls()
        one._other, other._other = other, one
        return one, other

    async def send(self, message: Message) -> None:
        """Send a message, and wait while the other end has not received 64 KiB.

        Args:
            message: Text or bytes.

        Raises:
            SocketClosedError: The socket has closed.
        """
        self._check()
        self._deliver(message)
        await self._other._has_room.wait()
        self._check()

    async def receive(self) -> Message | None:
        """Wait for the next message.

        Returns:
            The message; None for a pong.

        Raises:
            SocketClosedError: The socket has closed, or a message is too long.
        """
        while not self._inbox:
            self._check()
            self._arrived.clear()
            self._is_receiving = True
            try:
                await self._arrived.wait()
            finally:
                self._is_receiving = False
        message = self._inbox.popleft()
        self._note_room()
        if message is not None and len(message) > MAX_MESSAGE_BYTES:
            await self.aclose(TOO_BIG)
            raise SocketClosedError(TOO_BIG, f"received invalid data (code {TOO_BIG})")
        return message

    async def ping(self) -> None:
        """Send a ping; the other end responds if it receives.

        Raises:
            SocketClosedError: The socket has closed.
        """
        self._check()
        other = self._other
        if not (self._is_cut_off or other._is_cut_off) and other._is_receiving:
            other._later(lambda: self._accept(None))

    async def aclose(self, code: int = NORMAL) -> None:
        """Close both ends; the other end learns the code after the latency.

        Args:
            code: The close code.
        """
        if self._closed is None:
            self._closed = SocketClosedError(code)
            if not self._is_cut_off:
                self._later(lambda: self._other._end(SocketClosedError(code)))
            self._arrived.set()
            self._other._has_room.set()

    def abort(self) -> None:
        """Break the connection without a close code."""
        self._later(lambda: self._other._end(SocketClosedError(ABNORMAL, "broke")))
        self._end(SocketClosedError(ABNORMAL, "broke"))

    def cut_off(self) -> None:
        """Lose everything that is sent from now on, as if a cable was pulled."""
        self._is_cut_off = self._other._is_cut_off = True

    def _deliver(self, message: Message) -> None:
        if not (self._is_cut_off or self._other._is_cut_off):
            self._later(lambda: self._other._accept(message))

    def _accept(self, message: Message | None) -> None:
        self._inbox.append(message)
        self._note_room()
        self._arrived.set()

    def _note_room(self) -> None:
        size = sum(len(message) for message in self._inbox if message is not None)
        if size < BUFFER_BYTES:
            self._has_room.set()
        else:
            self._has_room.clear()

    def _end(self, error: SocketClosedError) -> None:
        self._closed = self._closed or error
        self._arrived.set()
        self._has_room.set()
        self._other._has_room.set()

    def _check(self) -> None:
        if self._closed is not None:
            raise self._closed

    def _later(self, arrive: Callable[[], object]) -> None:
        """Call a function after the latency, in the order of the calls of this method."""
        self._on_the_way.append(arrive)
        asyncio.get_running_loop().call_later(LATENCY_S, self._arrive_next)

    def _arrive_next(self) -> None:
        self._on_the_way.popleft()()
