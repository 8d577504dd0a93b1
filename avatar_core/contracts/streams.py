"""The interface of byte streams in a room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping


class StreamWriter(ABC):
    """An outgoing byte stream."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send one message; return when the local LiveKit client has accepted it.

        Args:
            data: The message, at most 15 kB.

        Raises:
            RoomError: The room is disconnected, or did not accept the message.
        """

    @abstractmethod
    async def aclose(self, reason: str = "") -> None:
        """End the stream; idempotent.

        Args:
            reason: Where not empty, the reader gets an error instead of a normal end.

        Raises:
            RoomError: The room is disconnected.
        """


class StreamReader(ABC):
    """An incoming byte stream, to iterate or to close.

    Attributes:
        attributes: Attributes of the stream, as its sender set them.
    """

    attributes: Mapping[str, str]

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages in their order.

        Raises:
            RoomError: The stream ended abnormally.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop reading and drop the messages that have not been read."""


StreamHandler = Callable[[str, StreamReader], None]
"""(identity of the sender, reader)"""
