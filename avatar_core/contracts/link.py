"""The interface to a room: one participant's connection, its events, RPCs and data packets.

The package `avatar_core.rtc` implements the interface with LiveKit, and the package
`avatar_core.testing.room` implements the interface in memory.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.participants import RoomPresence
from avatar_core.contracts.routing import DataHandler, Router, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack


class RoomLink(RoomPresence):
    """The connection of one participant, the local participant, to one room.

    Attributes:
        router: Passes RPCs and data packets to a handler for each sender.
    """

    router: Router

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, str]:
        """The participant attributes of the local participant."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the local participant is connected to the room now."""

    @property
    def has_listener(self) -> bool:
        """Whether a listener is in the room and visible to the local participant.

        A participant that publishes nothing becomes visible about 2.4 s after its join (measured
        with livekit-server 1.13.5). A hidden participant is never visible.
        """
        return any(other.is_listener for other in self.remote_participants().values())

    def check_streams(self) -> None:
        """Check, before an avatar is paid for, that byte streams reach only their receivers.

        Raises:
            RoomError: Other participants would receive the streams; the default never raises.
        """
        return

    @abstractmethod
    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream to some participants of the room.

        The header, each chunk and the trailer of the stream go to these participants only.

        Args:
            topic: Topic of the stream.
            to: Identities of the receivers.
            attributes: Attributes of the stream, which the receivers can read.

        Returns:
            The writer of the stream.

        Raises:
            RoomError: The room is disconnected, or did not open the stream.
        """

    @abstractmethod
    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Register a handler for the byte streams that arrive on a topic.

        Args:
            topic: Topic of the streams.
            handler: Receives the sender's identity and the reader of each stream.

        Returns:
            A function that removes the handler.

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
            The response of the participant.

        Raises:
            RoomError: The call failed. The attribute `rpc_code` contains LiveKit's error code, or
                None if `timeout_s` passed or the room is disconnected.
        """

    @abstractmethod
    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Register a handler for the calls of all participants to one RPC method.

        Only the router calls `serve`. Other code registers its handlers with the router.

        Args:
            method: Name of the RPC method.
            handler: Receives the caller's identity and the payload of each call, and returns the
                response or an awaitable of the response.

        Returns:
            A function that removes the handler.
        """

    @abstractmethod
    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet to some participants of the room.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet, as bytes.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """

    @abstractmethod
    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Register a handler for the data packets of all participants on one topic.

        Only the router calls `on_data`. Other code registers its handlers with the router.

        Args:
            topic: Topic of the packets.
            handler: Receives the sender's identity and the payload of each packet.

        Returns:
            A function that removes the handler.
        """

    @abstractmethod
    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: Format of the audio that `capture` of the track takes.
            name: Name of the track.

        Returns:
            The published track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """

    @abstractmethod
    async def wait_for_subscriber(self) -> None:
        """Publish a silent track, and wait until a participant subscribes to the track.

        The track is not a microphone track. The method unpublishes the track when it ends. The wait
        has no time limit: the caller sets the deadline.

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
            The published track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """

    @abstractmethod
    def listen(self, identity: str) -> RemoteAudio:
        """Subscribe to the sound of a remote participant.

        The participant may join later, and may publish its tracks later. The subscription also
        covers tracks that the participant publishes again, and tracks after a reconnect or a new
        join. A muted track stays subscribed.

        Args:
            identity: Identity of the remote participant.

        Returns:
            The subscription. Its `aclose` ends the subscription, and so does the end of this link.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Remove all handlers, and leave the room if this link joined the room.

        A second call of this method has no effect.
        """
