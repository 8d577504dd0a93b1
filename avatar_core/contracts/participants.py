"""The other participants of a room, and the events of a room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from avatar_core.contracts.routing import Unsubscribe


@dataclass(frozen=True, slots=True)
class RemoteParticipant:
    """A snapshot of another participant of the room.

    Attributes:
        identity: Identity of the participant, unique in the room.
        sid: LiveKit's session id of the participant. Each join creates another sid, and a resumed
            connection keeps the sid.
        is_agent: Whether LiveKit's participant kind is AGENT.
        attributes: Participant attributes, which everyone in the room can read.
        tracks: Kinds of the participant's published tracks that are not muted: "audio", "video".
        left_for_good: Whether the participant left and the server stated a reason. The server
            states no reason if one side only reconnects.
        is_listener: Whether the participant is a person on a device or on a telephone, and not an
            agent, an avatar, a recorder or an ingress.
    """

    identity: str
    sid: str
    is_agent: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    tracks: frozenset[str] = frozenset()
    left_for_good: bool = False
    is_listener: bool = False


class RoomEvent(Enum):
    """The kind of an event in a room.

    Attributes:
        JOINED: A remote participant joined.
        LEFT: A remote participant left.
        TRACKS: A remote participant published, unpublished, muted or unmuted a track.
        RECONNECTING: The connection of the local participant was interrupted.
        RECONNECTED: The connection of the local participant was restored.
        DISCONNECTED: The connection of the local participant ended.
        MOVED: The server moved the local participant to another room.
    """

    JOINED = "joined"
    LEFT = "left"
    TRACKS = "tracks"
    RECONNECTING = "reconnecting"
    RECONNECTED = "reconnected"
    DISCONNECTED = "disconnected"
    MOVED = "moved"


RoomEventHandler = Callable[[RoomEvent, RemoteParticipant | None], None]
"""A function that handles a room event: (event, remote participant).

The participant is None if the event concerns the connection of the local participant.
"""


class RoomPresence(ABC):
    """The view of one agent on its room: who is there, and who joins and leaves.

    A `RoomLink` of the agent itself is such a view. A service outside the room may have another.
    """

    @property
    @abstractmethod
    def identity(self) -> str:
        """The identity of the local participant."""

    @property
    @abstractmethod
    def room_name(self) -> str:
        """The name of the room."""

    @property
    def is_hidden(self) -> bool:
        """Whether the other participants cannot see the local participant."""
        return False

    @property
    def can_publish_data(self) -> bool:
        """Whether the server forwards streams, RPCs and data packets of the local participant."""
        return True

    @property
    def is_encrypted(self) -> bool:
        """Whether the local participant uses end-to-end encryption in this room."""
        return False

    @abstractmethod
    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants of the room.

        Returns:
            A snapshot of each remote participant, by identity.
        """

    @abstractmethod
    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each later event of the room.

        Args:
            handler: Receives the event, and the remote participant that the event concerns.

        Returns:
            A function that removes the handler.
        """
