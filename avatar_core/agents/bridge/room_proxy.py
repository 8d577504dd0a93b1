"""The room that a plugin receives: it is not connected, and its messages are addressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from livekit import rtc

from avatar_core.agents.bridge.local_participant import LocalParticipantProxy
from avatar_core.contracts.link import RoomLink

Handler = Callable[..., Any]
LIVENESS = frozenset(
    {
        "connection_state_changed",
        "disconnected",
        "participant_disconnected",
        "track_muted",
        "track_unpublished",
    }
)
"""Events of a room after which a plugin would end its session. avatar-core judges these itself, so
the plugin never receives them."""


class RoomProxy:
    """The agent's room, as a plugin sees it.

    During the start the room reports that it is not connected. Otherwise the classes of
    livekit-agents would register RPC methods that replace those of avatar-core, and would wait for
    the avatar without a limit.

    Args:
        link: The agent's connection to the room.
        room: The room of livekit.rtc; None for a room in memory.
        identity: The identity of the avatar's participant.

    Attributes:
        name: The name of the room.
        connected: The value that `isconnected` returns.
        local_participant: The agent's participant.
    """

    def __init__(self, link: RoomLink, room: rtc.Room | None, identity: str) -> None:
        self._link = link
        self._room = room
        self._handlers: list[tuple[str, Handler]] = []
        self.name = link.room_name
        self.connected = False
        self.local_participant = LocalParticipantProxy(link, room, identity)

    def isconnected(self) -> bool:
        """Return whether the plugin may use the room as a connected room.

        Returns:
            False while the plugin starts; True for an audio output that avatar-core drives.
        """
        return self.connected

    @property
    def connection_state(self) -> int:
        """The connection state that fits `isconnected`."""
        states = rtc.ConnectionState
        return states.CONN_CONNECTED if self.connected else states.CONN_DISCONNECTED

    @property
    def sid(self) -> Awaitable[str]:
        """The id of the room, to await."""
        return _sid_of(self._room, self.name)

    @property
    def remote_participants(self) -> Mapping[str, Any]:
        """The other participants of the room, by identity."""
        if self._room is not None:
            return self._room.remote_participants
        return {
            identity: _participant(identity, other.attributes, other.tracks)
            for identity, other in self._link.remote_participants().items()
        }

    def on(self, event: str, callback: Handler | None = None) -> Handler:
        """Register a listener of the room, also as a decorator.

        Args:
            event: The name of the event. Events about the avatar's health never arrive.
            callback: The listener; None returns a decorator.

        Returns:
            The listener, or the decorator.
        """
        if callback is None:
            return lambda function: self.on(event, function)
        self._handlers.append((event, callback))
        if self._room is not None and event not in LIVENESS:
            self._room.on(cast(Any, event), callback)
        return callback

    def off(self, event: str, callback: Handler) -> None:
        """Remove a listener that the plugin registered.

        Args:
            event: The name of the event.
            callback: The listener.
        """
        if (event, callback) in self._handlers:
            self._handlers.remove((event, callback))
            if self._room is not None and event not in LIVENESS:
                self._room.off(cast(Any, event), callback)

    def connect_sink(self, sink: object) -> None:
        """Report the room as connected, and tell the listeners of one audio output.

        Args:
            sink: The audio output of the plugin, which waits for the connection.
        """
        self.connected = True
        for event, callback in list(self._handlers):
            if event == "connection_state_changed" and getattr(callback, "__self__", None) is sink:
                callback(self.connection_state)

    def close(self) -> None:
        """Remove all listeners and RPC handlers of the plugin."""
        for event, callback in list(self._handlers):
            self.off(event, callback)
        self.local_participant.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._room, name)


async def _sid_of(room: rtc.Room | None, name: str) -> str:
    return name if room is None else await room.sid


def _participant(identity: str, attributes: Mapping[str, str], tracks: frozenset[str]) -> Any:
    kinds = {"audio": rtc.TrackKind.KIND_AUDIO, "video": rtc.TrackKind.KIND_VIDEO}
    return SimpleNamespace(
        identity=identity,
        attributes=dict(attributes),
        kind=rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
        state=rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE,
        track_publications={
            track: SimpleNamespace(sid=track, kind=kinds[track], track=None, subscribed=False)
            for track in tracks
        },
    )
