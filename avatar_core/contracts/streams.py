"""The interface of byte streams in a room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping


class StreamWriter(ABC):
    """The interface of an outgoing byte stream. `RoomLink.open_stream` creates it."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send one message, and return when the local LiveKit client has accepted the message.

        Args:
            data: The message, at most 15,000 bytes.

        Raises:
            RoomError: The room is disconnected, or did not accept the message.
        """

    @abstractmethod
    async def aclose(self, reason: str = "") -> None:
        """End the stream. A second call of this method has no effect.

        Args:
            reason: The reason of an abnormal end. If the reason is not empty, the reader gets an
                error instead of a normal end.

        Raises:
            RoomError: The room is disconnected.
        """


class StreamReader(ABC):
    """The interface of an incoming byte stream.

    Iterate over the stream to read its messages, or call `close` to stop reading.

    Attributes:
        attributes: Attributes of the stream, as its sender set them.
    """

    attributes: Mapping[str, str]

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages in the order in which they were sent.

        Yields:
            The bytes of each message.

        Raises:
            RoomError: The stream ended abnormally.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop reading, and drop the messages that have not been read."""


StreamHandler = Callable[[str, StreamReader], None]
"""A function that handles an incoming stream: (identity of the sender, reader)."""
