"""Handlers of RPCs and data packets, and the interface that passes both to them by sender."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

Unsubscribe = Callable[[], None]
"""A function that removes a handler. The function may be called more than once."""
RpcHandler = Callable[[str, str], str | Awaitable[str]]
"""A function that handles an RPC: (identity of the caller, payload) -> response."""
DataHandler = Callable[[str, bytes], None]
"""A function that handles a data packet: (identity of the sender, payload)."""


class Router(Protocol):
    """The interface of an object that passes RPCs and data packets to a handler for each sender.

    Each room link has one router. With the router, two avatars in one room can use the same RPC
    method and the same topic.
    """

    def rpc(self, method: str, caller: str, handler: RpcHandler) -> Unsubscribe:
        """Register a handler for the calls that one participant makes to one RPC method.

        Args:
            method: Name of the RPC method.
            caller: Identity of the participant that calls.
            handler: Receives the caller's identity and the payload of each call, and returns the
                response or an awaitable of the response.

        Returns:
            A function that removes the handler.
        """

    def data(self, topic: str, sender: str, handler: DataHandler) -> Unsubscribe:
        """Register a handler for the data packets that one participant sends on one topic.

        Args:
            topic: Topic of the packets.
            sender: Identity of the participant that sends.
            handler: Receives the sender's identity and the payload of each packet.

        Returns:
            A function that removes the handler.
        """
