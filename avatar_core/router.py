"""One router for each room: RPCs and data packets, by who sends them."""

from __future__ import annotations

from typing import TypeVar

from avatar_core.contracts.link import DataHandler, RoomLink, RpcHandler, Unsubscribe

H = TypeVar("H")


class SenderRouter:
    """Brings RPCs and data packets of a room to who waits for them, by sender.

    LiveKit keeps one handler for a method in a room, and the last one registered wins.
    Two avatars in one room, or one in each of two rooms, meet here and never each other.
    Whoever calls without being expected is told "reject", as stock participants do.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._rpc: dict[str, dict[str, RpcHandler]] = {}
        self._data: dict[str, dict[str, DataHandler]] = {}
        self._served: dict[tuple[str, str], Unsubscribe] = {}

    def rpc(self, method: str, caller: str, handler: RpcHandler) -> Unsubscribe:
        """Give `caller`'s calls of `method` to `handler`, until unsubscribed."""
        handlers = self._rpc.setdefault(method, {})
        if not handlers:
            self._served["rpc", method] = self._link.serve(
                method,
                lambda sender, payload: (
                    found(sender, payload) if (found := handlers.get(sender)) else "reject"
                ),
            )
        return self._enter("rpc", method, handlers, caller, handler)

    def data(self, topic: str, sender: str, handler: DataHandler) -> Unsubscribe:
        """Give `sender`'s packets on `topic` to `handler`, until unsubscribed."""
        handlers = self._data.setdefault(topic, {})
        if not handlers:
            self._served["data", topic] = self._link.on_data(
                topic,
                lambda source, payload: (
                    found(source, payload) if (found := handlers.get(source)) else None
                ),
            )
        return self._enter("data", topic, handlers, sender, handler)

    def _enter(
        self, kind: str, name: str, handlers: dict[str, H], who: str, handler: H
    ) -> Unsubscribe:
        handlers[who] = handler

        def leave() -> None:
            if handlers.get(who) is handler:
                del handlers[who]
                if not handlers:
                    self._served.pop((kind, name))()

        return leave
