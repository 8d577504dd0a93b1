"""A room in memory with the part of `rtc.Room` that the avatar classes of livekit-agents use.

The behaviour follows livekit 1.1.21: one handler for each topic of byte streams, one handler for
each RPC method, RPC errors with LiveKit's codes, and 7 s of waiting for a participant that is not
in the room.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from livekit import rtc

from avatar_core.testing.clock import now
from tests.weaknesses.stock_streams import StockReader, StockWriter

ACK_S, RESPONSE_S = 7.0, 15.0
"""Seconds until a call to an absent participant fails, and until a lost response is noticed."""
Code = rtc.RpcError.ErrorCode
log = logging.getLogger("stock_room")


@dataclass(frozen=True)
class Call:
    """One attempt to call an RPC method.

    Attributes:
        at: The loop time in seconds.
        method: The name of the method.
        payload: The payload of the call.
    """

    at: float
    method: str
    payload: str


class StockParticipant:
    """The local participant of a room, as `rtc.LocalParticipant`.

    Attributes:
        calls: The RPC calls of this participant.
        writers: The byte streams of this participant.
        publications: The published tracks by sid.
        refused: RPC methods whose calls of this participant fail with the code 1505.
        lost_responses: RPC methods whose next response to this participant is lost (code 1502).
        response_delay_s: Seconds until a response arrives.
        open_gate: An event that `stream_bytes` waits for after it has opened a stream.
        subscribed: Whether somebody subscribes to the tracks of this participant.
    """

    def __init__(self, hub: StockHub, identity: str, kind: int, attributes: dict[str, str]) -> None:
        self.identity, self.kind, self.attributes = identity, kind, attributes
        self.state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        self.calls: list[Call] = []
        self.writers: list[StockWriter] = []
        self.publications: dict[str, Any] = {}
        self.refused: set[str] = set()
        self.lost_responses: list[str] = []
        self.response_delay_s = 0.0
        self.open_gate: asyncio.Event | None = None
        self.subscribed = asyncio.Event()
        self._hub = hub
        self._rpc_handlers: dict[str, Any] = {}
        self._sids = itertools.count()

    @property
    def track_publications(self) -> dict[str, Any]:
        return self.publications

    def register_rpc_method(self, method: str, handler: Any) -> None:
        self._rpc_handlers[method] = handler

    async def perform_rpc(
        self, *, destination_identity: str, method: str, payload: str, **_: Any
    ) -> str:
        self.calls.append(Call(now(), method, payload))
        if method in self.refused:
            raise rtc.RpcError._built_in(Code.SEND_FAILED)
        room = self._hub.rooms.get(destination_identity)
        if room is None:
            await asyncio.sleep(ACK_S)
            raise rtc.RpcError._built_in(Code.CONNECTION_TIMEOUT)
        handler = room.local_participant._rpc_handlers.get(method)
        if handler is None:
            raise rtc.RpcError._built_in(Code.UNSUPPORTED_METHOD)
        data = rtc.RpcInvocationData("request", self.identity, payload, RESPONSE_S, method)
        try:
            response: str = handler(data)
        except Exception as error:
            raise rtc.RpcError._built_in(Code.APPLICATION_ERROR) from error
        if method in self.lost_responses:
            self.lost_responses.remove(method)
            await asyncio.sleep(RESPONSE_S)
            raise rtc.RpcError._built_in(Code.RESPONSE_TIMEOUT)
        if self.response_delay_s:
            await asyncio.sleep(self.response_delay_s)
        return response

    async def stream_bytes(
        self,
        *,
        name: str,
        topic: str,
        destination_identities: list[str],
        attributes: dict[str, str],
    ) -> StockWriter:
        readers = []
        for identity in destination_identities:
            room = self._hub.rooms.get(identity)
            handler = room._byte_stream_handlers.get(topic) if room is not None else None
            if handler is None:
                log.debug("ignoring byte stream %s for %s", topic, identity)
                continue
            readers.append(StockReader(attributes))
            handler(readers[-1], self.identity)
        writer = StockWriter(attributes, readers)
        self.writers.append(writer)
        if self.open_gate is not None:
            await self.open_gate.wait()
        return writer

    async def publish_track(self, track: Any, options: Any = None) -> Any:
        publication = SimpleNamespace(
            sid=f"TR_{next(self._sids)}",
            kind=track.kind,
            wait_for_subscription=self.subscribed.wait,
        )
        self.publications[publication.sid] = publication
        self._hub.tell_others(self.identity, "track_published", publication, self)
        return publication


class StockRoom(rtc.EventEmitter[str]):
    """One participant's connection to the room, as `rtc.Room`.

    Attributes:
        name: The name of the room.
        local_participant: The participant.
    """

    def __init__(
        self, hub: StockHub, identity: str, kind: int, attributes: dict[str, str], connected: bool
    ) -> None:
        super().__init__()
        self.name = "room"
        self.local_participant = StockParticipant(hub, identity, kind, attributes)
        self._hub = hub
        self._connected = connected
        self._byte_stream_handlers: dict[str, Any] = {}

    register_byte_stream_handler = rtc.Room.register_byte_stream_handler

    def isconnected(self) -> bool:
        return self._connected

    def disconnect(self) -> None:
        self._connected = False

    @property
    def remote_participants(self) -> dict[str, StockParticipant]:
        return {
            identity: room.local_participant
            for identity, room in self._hub.rooms.items()
            if room is not self
        }

    def count_listeners(self, event: str) -> int:
        """Return the number of callbacks that are registered for an event.

        Args:
            event: The name of the event.

        Returns:
            The number.
        """
        return len(self._events.get(event, ()))


@dataclass
class StockHub:
    """The room itself: all participants by identity.

    Attributes:
        rooms: Each participant's connection, in the order of the joins.
    """

    rooms: dict[str, StockRoom] = field(default_factory=dict)

    def join(
        self,
        identity: str,
        *,
        is_agent: bool = True,
        connected: bool = True,
        attributes: dict[str, str] | None = None,
    ) -> StockRoom:
        """Join a participant, and tell the others that it is active.

        Args:
            identity: The identity of the participant.
            is_agent: Whether the participant has the kind AGENT.
            connected: Whether the connection of the participant is open.
            attributes: The attributes of the participant; None for none.

        Returns:
            The connection of the participant.
        """
        kinds = rtc.ParticipantKind
        kind = kinds.PARTICIPANT_KIND_AGENT if is_agent else kinds.PARTICIPANT_KIND_STANDARD
        room = StockRoom(self, identity, kind, attributes or {}, connected)
        self.rooms[identity] = room
        self.tell_others(identity, "participant_active", room.local_participant)
        return room

    def leave(self, identity: str) -> None:
        """Let a participant leave; an RPC to it then fails after 7 s.

        Args:
            identity: The identity of the participant.
        """
        room = self.rooms.pop(identity)
        room.disconnect()
        self.tell_others(identity, "participant_disconnected", room.local_participant)

    def tell_others(self, identity: str, event: str, *args: Any) -> None:
        """Emit an event at every participant except one.

        Args:
            identity: The identity of the participant that does not get the event.
            event: The name of the event.
            *args: The arguments of the event.
        """
        for other, room in list(self.rooms.items()):
            if other != identity:
                room.emit(event, *args)
