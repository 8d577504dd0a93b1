"""Passes the RPCs and data packets of one room to their handlers, by sender."""

from __future__ import annotations

from typing import TypeVar

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe

H = TypeVar("H")


class SenderRouter:
    """Passes RPCs and data packets of a room to the handler that expects their sender.

    LiveKit keeps one handler for each RPC method and data topic of a room: the handler that was
    registered last. With this router, each avatar in a room has a handler of its own. If no handler
    expects the sender of an RPC, the router responds "reject", like LiveKit's own avatar code. The
    constructor of a `RoomLink` creates the router.

    Args:
        link: The connection to the room.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._rpc_handlers: dict[str, dict[str, RpcHandler]] = {}
        self._data_handlers: dict[str, dict[str, DataHandler]] = {}
        self._registrations: dict[tuple[str, str], Unsubscribe] = {}

    def rpc(self, method: str, caller: str, handler: RpcHandler) -> Unsubscribe:
        """Pass the RPCs of one method and one caller to a handler.

        Args:
            method: The name of the RPC method.
            caller: The identity of the participant that calls.
            handler: Called with the caller's identity and the payload; returns the response, or an
                awaitable of it. The handler replaces an earlier handler of the same method and
                caller.

        Returns:
            A function that removes the handler; idempotent.
        """
        handlers = self._rpc_handlers.setdefault(method, {})
        if not handlers:
            self._registrations["rpc", method] = self._link.serve(
                method,
                lambda sender, payload: (
                    found(sender, payload) if (found := handlers.get(sender)) else "reject"
                ),
            )
        return self._add("rpc", method, handlers, caller, handler)

    def data(self, topic: str, sender: str, handler: DataHandler) -> Unsubscribe:
        """Pass the data packets of one topic and one sender to a handler.

        Args:
            topic: The topic of the packets.
            sender: The identity of the participant that sends.
            handler: Called with the sender's identity and the payload. The handler replaces an
                earlier handler of the same topic and sender.

        Returns:
            A function that removes the handler; idempotent.
        """
        handlers = self._data_handlers.setdefault(topic, {})
        if not handlers:
            self._registrations["data", topic] = self._link.on_data(
                topic,
                lambda source, payload: (
                    found(source, payload) if (found := handlers.get(source)) else None
                ),
            )
        return self._add("data", topic, handlers, sender, handler)

    def _add(
        self, kind: str, name: str, handlers: dict[str, H], sender: str, handler: H
    ) -> Unsubscribe:
        handlers[sender] = handler

        def remove() -> None:
            """Remove the handler unless another handler has replaced it; idempotent."""
            if handlers.get(sender) is handler:
                del handlers[sender]
                if not handlers:
                    self._registrations.pop((kind, name))()

        return remove
