"""The queue of the messages that a connection has not sent yet."""

from __future__ import annotations

import asyncio
from collections import deque

from avatar_core.bases.socket_messages import Message, Messages, each_message
from avatar_core.bases.socket_wire import Wire

SEND_S = 3.0
"""Seconds that a socket may take to accept a message. The player waits 5 s."""


class Outbox:
    """A queue of messages, which survives the socket that sends them.

    Attributes:
        is_sent: An event that is set while the queue is empty.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[Message, bool]] = deque()
        self._has_messages = asyncio.Event()
        self.is_sent = asyncio.Event()
        self.is_sent.set()

    def add(self, messages: Messages, *, of_take: bool) -> None:
        """Add messages to the queue.

        Args:
            messages: The messages, in order.
            of_take: Whether the messages belong to a take, so that `drop_take` drops them.
        """
        self._queue += ((message, of_take) for message in each_message(messages))
        if self._queue:
            self.is_sent.clear()
            self._has_messages.set()

    def drop_take(self) -> None:
        """Drop the messages of the take that were not sent yet."""
        kept = [item for item in self._queue if not item[1]]
        self._queue.clear()
        self._queue += kept
        if not kept:
            self.is_sent.set()

    async def send(self, wire: Wire) -> None:
        """Send the messages in order, until this coroutine is cancelled.

        Args:
            wire: The open socket.

        Raises:
            SocketClosedError: The socket has closed.
            TimeoutError: The socket did not accept a message within `SEND_S`.
        """
        while True:
            while self._queue:
                item = self._queue[0]
                async with asyncio.timeout(SEND_S):
                    await wire.send(item[0])
                if self._queue and self._queue[0] is item:
                    self._queue.popleft()
            self._has_messages.clear()
            self.is_sent.set()
            await self._has_messages.wait()
