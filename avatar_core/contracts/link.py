"""The interface to a room: one participant's connection, its events, RPCs and data packets.

`avatar_core.rtc` implements it over LiveKit, and `avatar_core.testing.room` in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack

Unsubscribe = Callable[[], None]
"""Ends a subscription; may be called more than once."""
RpcHandler = Callable[[str, str], "str | Awaitable[str]"]
"""(identity of the caller, payload) -> response"""
DataHandler = Callable[[str, bytes], None]
"""(identity of the sender, payload)"""


@dataclass(frozen=True, slots=True)
class RemoteParticipant:
    """Another participant of the room, at one moment.

    Attributes:
        identity: Unique in the room.
        sid: LiveKit's session id; new with each join, and kept over a resumed connection.
        is_agent: Whether LiveKit's participant kind is AGENT.
        attributes: Participant attributes, which everyone in the room can read.
        tracks: Kinds of its published tracks: "audio", "video".
        left_for_good: Whether it left and the server gave a reason, which it does not when
            either side only reconnects.
        is_listener: Whether it is a person, on a device or by telephone: no agent, no avatar, no
            recorder and no ingress.
    """

    identity: str
    sid: str
    is_agent: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    tracks: frozenset[str] = frozenset()
    left_for_good: bool = False
    is_listener: bool = False


class RoomEvent(Enum):
    """An event of the room.

    Attributes:
        JOINED: A remote participant joined.
        LEFT: A remote participant left.
        TRACKS: A remote participant published or unpublished a track.
        RECONNECTING: Our own connection was interrupted.
        RECONNECTED: Our own connection was restored.
        DISCONNECTED: Our own connection ended.
        MOVED: The server moved us to another room.
    """

    JOINED = "joined"
    LEFT = "left"
    TRACKS = "tracks"
    RECONNECTING = "reconnecting"
    RECONNECTED = "reconnected"
    DISCONNECTED = "disconnected"
    MOVED = "moved"


RoomEventHandler = Callable[[RoomEvent, RemoteParticipant | None], None]
"""(event, the remote participant; None for events of our own connection)"""


class Router(Protocol):
    """Passes RPCs and data packets of one room to their handlers, by sender."""

    def rpc(self, method: str, caller: str, handler: RpcHandler) -> Unsubscribe:
        """Handle the calls of one caller.

        Args:
            method: Name of the RPC method.
            caller: Identity of the caller.
            handler: Called with each call of the caller.

        Returns:
            A function that ends the subscription.
        """

    def data(self, topic: str, sender: str, handler: DataHandler) -> Unsubscribe:
        """Handle the data packets of one sender.

        Args:
            topic: Topic of the packets.
            sender: Identity of the sender.
            handler: Called with each packet of the sender.

        Returns:
            A function that ends the subscription.
        """


class RoomLink(ABC):
    """One participant's connection to one room.

    Attributes:
        router: Passes RPCs and data packets to their handlers, by sender.
    """

    router: Router

    @property
    @abstractmethod
    def identity(self) -> str:
        """Our own identity."""

    @property
    @abstractmethod
    def room_name(self) -> str:
        """The room's name."""

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, str]:
        """Our own participant attributes."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the room can be used now."""

    @abstractmethod
    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants, by identity."""

    @property
    def has_listener(self) -> bool:
        """Whether a participant that is a listener is in the room, as far as we can see.

        A participant that publishes nothing is visible only about 2.4 s after it joined
        (measured, livekit-server 1.13.5). A hidden participant is never visible.
        """
        return any(other.is_listener for other in self.remote_participants().values())

    @abstractmethod
    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each event of the room from now on.

        Args:
            handler: Called with the event and its participant.

        Returns:
            A function that ends the subscription.
        """

    @abstractmethod
    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream whose every packet is addressed.

        Args:
            topic: Topic of the stream.
            to: Identities of the receivers.
            attributes: Attributes of the stream, for the receivers.

        Returns:
            The writer of the stream.

        Raises:
            RoomError: The room is disconnected, or did not open the stream.
        """

    @abstractmethod
    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive the byte streams of a topic.

        Args:
            topic: Topic of the streams.
            handler: Called with the sender and the reader of each stream.

        Returns:
            A function that ends the subscription.

        Raises:
            ValueError: The topic has a handler already.
        """

    @abstractmethod
    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant.

        Args:
            to: Identity of the participant.
            method: Name of the method.
            payload: Payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response.

        Raises:
            RoomError: The call failed. `rpc_code` is LiveKit's error code, or None where
                `timeout_s` passed or the room is disconnected.
        """

    @abstractmethod
    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Handle an RPC method for all callers; only the router calls this.

        Args:
            method: Name of the method.
            handler: Called with each call; returns the response, or an awaitable of it.

        Returns:
            A function that ends the subscription.
        """

    @abstractmethod
    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether lost packets are sent again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """

    @abstractmethod
    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive the data packets of a topic from all senders; only the router calls this.

        Args:
            topic: Topic of the packets.
            handler: Called with each packet.

        Returns:
            A function that ends the subscription.
        """

    @abstractmethod
    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: Format of the audio that the track takes.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """

    @abstractmethod
    async def wait_for_subscriber(self) -> None:
        """Wait until a participant subscribes to a track of ours that is published from now on.

        The track is silent and is not a microphone. It is unpublished when this method ends. It may
        wait without a limit: the caller sets the deadline.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """

    @abstractmethod
    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track.

        Args:
            width: Width of a frame in pixels.
            height: Height of a frame in pixels.
            fps: Frames per second.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """End all subscriptions, and leave the room if this link joined it; idempotent."""
