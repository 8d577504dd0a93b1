"""The interface of an open WebSocket, and the errors of its handshake and its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_messages import Message

MAX_MESSAGE_BYTES = 1024 * 1024
"""The longest message of a vendor that avatar-core receives."""
NORMAL, GOING_AWAY, ABNORMAL, POLICY, TOO_BIG = 1000, 1001, 1006, 1008, 1009
"""Close codes of RFC 6455. `ABNORMAL` means that the peer sent no code."""


class SocketClosedError(Exception):
    """A WebSocket has closed. The error contains nothing that the vendor sent, but its code.

    Args:
        code: The close code.
        cause: The cause as a clause without a subject, for example "closed with code 1011".

    Attributes:
        code: The close code.
        cause: The cause as a clause without a subject.
    """

    def __init__(self, code: int, cause: str = "") -> None:
        self.code = code
        self.cause = cause or f"closed with code {code}"
        super().__init__(self.cause)


class HandshakeError(Exception):
    """A WebSocket could not be opened. The error contains no secret.

    Args:
        cause: The cause as a clause, for example "the vendor refused the handshake".
        status: The HTTP status with which the vendor refused the handshake; 0 without a response.

    Attributes:
        cause: The cause as a clause.
        status: The HTTP status; 0 without a response.
    """

    def __init__(self, cause: str, status: int = 0) -> None:
        self.cause = cause
        self.status = status
        super().__init__(cause)


class Wire(ABC):
    """An open WebSocket. Tasks may send at the same time; one task at a time receives."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Send a message, and wait while the buffer of the connection is full.

        Args:
            message: Text or bytes.

        Raises:
            SocketClosedError: The socket has closed.
        """

    @abstractmethod
    async def receive(self) -> Message | None:
        """Wait for the next message.

        Returns:
            The message; None for a sign of life without content, such as a pong.

        Raises:
            SocketClosedError: The socket has closed, or a message is longer than
                `MAX_MESSAGE_BYTES`.
        """

    @abstractmethod
    async def ping(self) -> None:
        """Send a ping, to which the other side responds with a pong.

        Raises:
            SocketClosedError: The socket has closed.
        """

    @abstractmethod
    async def aclose(self, code: int = NORMAL) -> None:
        """Close the socket within half a second. Do not raise if the socket has closed.

        Args:
            code: The close code.
        """


Connect = Callable[[SocketAddress], Awaitable[Wire]]
"""A function that opens a WebSocket. It raises `HandshakeError`."""


async def connect_to_network(address: SocketAddress) -> Wire:
    """Open a WebSocket over the network.

    The function imports aiohttp, which takes 0.2 s if the process has not imported it yet.

    Args:
        address: The URL and the secrets of the handshake.

    Returns:
        The open socket.

    Raises:
        HandshakeError: The vendor cannot be reached, or refused the handshake.
    """
    from avatar_core.bases.socket_network import connect

    return await connect(address)
