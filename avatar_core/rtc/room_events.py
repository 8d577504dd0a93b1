"""Passes LiveKit's room events and data packets to the handlers of a room link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc

from avatar_core.contracts.participants import RoomEvent, RoomEventHandler
from avatar_core.contracts.routing import DataHandler, Unsubscribe
from avatar_core.rtc.participant import read_participant


class RoomEvents:
    """Subscribes to the events of a LiveKit room and passes them to handlers.

    `RtcLink` creates this object.

    Args:
        room: A connected room.
        on_disconnect: Called when the connection of the local participant has ended, before the
            handlers.
    """

    def __init__(self, room: rtc.Room, on_disconnect: Callable[[], None]) -> None:
        self._room = room
        self._on_disconnect = on_disconnect
        self._watchers: list[RoomEventHandler] = []
        self._data_handlers: dict[str, DataHandler] = {}
        self._room_handlers: list[tuple[Any, Callable[..., None]]] = [
            ("participant_connected", lambda other: self._notify(RoomEvent.JOINED, other)),
            ("participant_disconnected", lambda other: self._notify(RoomEvent.LEFT, other)),
            ("track_published", lambda _, other: self._notify(RoomEvent.TRACKS, other)),
            ("track_unpublished", lambda _, other: self._notify(RoomEvent.TRACKS, other)),
            ("track_muted", self._on_mute_changed),
            ("track_unmuted", self._on_mute_changed),
            ("reconnecting", lambda: self._notify(RoomEvent.RECONNECTING)),
            ("reconnected", lambda: self._notify(RoomEvent.RECONNECTED)),
            ("connection_state_changed", self._on_state_changed),
            ("moved", lambda *_: self._notify(RoomEvent.MOVED)),
            ("data_received", self._on_data_received),
        ]
        for event, handler in self._room_handlers:
            room.on(event, handler)

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each event of the room from now on.

        Args:
            handler: Called with the event and its participant; the participant is None for events
                of our own connection.

        Returns:
            A function that removes the handler.
        """
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Register the handler for data packets of a topic, in place of an earlier handler.

        Args:
            topic: The topic of the packets.
            handler: Called with the sender's identity and the payload.

        Returns:
            A function that removes the handler.
        """
        self._data_handlers[topic] = handler
        return lambda: self._data_handlers.pop(topic, None) and None

    def close(self) -> None:
        """Unsubscribe from the room, and remove all handlers of `watch`."""
        for event, handler in self._room_handlers:
            self._room.off(event, handler)
        self._watchers.clear()

    def _on_mute_changed(self, other: rtc.Participant, _: rtc.TrackPublication) -> None:
        if isinstance(other, rtc.RemoteParticipant):
            self._notify(RoomEvent.TRACKS, other)

    def _on_state_changed(self, state: rtc.ConnectionState.ValueType) -> None:
        # The event "disconnected" is lost if the room's own queue ends before it.
        if state == rtc.ConnectionState.CONN_DISCONNECTED:
            self._notify(RoomEvent.DISCONNECTED)

    def _on_data_received(self, packet: rtc.DataPacket) -> None:
        handler = self._data_handlers.get(packet.topic or "")
        if handler is not None and packet.participant is not None:
            handler(packet.participant.identity, packet.data)

    def _notify(self, event: RoomEvent, other: rtc.RemoteParticipant | None = None) -> None:
        if event is RoomEvent.DISCONNECTED:
            self._on_disconnect()
        participant = read_participant(other) if other is not None else None
        for handler in list(self._watchers):
            handler(event, participant)
