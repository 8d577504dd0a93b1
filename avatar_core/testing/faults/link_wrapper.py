"""A base class for wrappers that change part of the behaviour of a room link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.participants import RemoteParticipant, RoomEventHandler
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamWriter
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.router import SenderRouter


class LinkWrapper(RoomLink):
    """A room link that forwards every call to another room link; subclasses override methods.

    Args:
        link: The wrapped link.

    Attributes:
        router: Passes RPCs and data packets to their handlers, by sender.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self.router = SenderRouter(self)

    @property
    def identity(self) -> str:
        """The identity of the wrapped link's participant."""
        return self._link.identity

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return self._link.room_name

    @property
    def attributes(self) -> Mapping[str, str]:
        """The participant attributes of the wrapped link's participant."""
        return self._link.attributes

    @property
    def connected(self) -> bool:
        """Whether the wrapped link is connected to the room."""
        return self._link.connected

    @property
    def is_hidden(self) -> bool:
        """Whether the other participants cannot see the wrapped link's participant."""
        return self._link.is_hidden

    @property
    def can_publish_data(self) -> bool:
        """Whether the server forwards the messages of the wrapped link's participant."""
        return self._link.can_publish_data

    @property
    def is_encrypted(self) -> bool:
        """Whether the wrapped link's participant uses end-to-end encryption."""
        return self._link.is_encrypted

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants of the room.

        Returns:
            The participants by identity.
        """
        return self._link.remote_participants()

    @property
    def has_listener(self) -> bool:
        """Whether a participant that is a listener is in the room."""
        return self._link.has_listener

    def check_streams(self) -> None:
        """Check that byte streams reach only their receivers.

        Raises:
            RoomError: Other participants would receive the streams.
        """
        self._link.check_streams()

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each room event from now on.

        Args:
            handler: Called with the event and its participant.

        Returns:
            A function that ends the subscription.
        """
        return self._link.watch(handler)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream to the given participants.

        Args:
            topic: Topic of the stream.
            to: Identities of the receivers.
            attributes: Attributes of the stream, for the receivers.

        Returns:
            The writer of the stream.

        Raises:
            RoomError: The room is disconnected, or did not open the stream.
        """
        return await self._link.open_stream(topic, to=to, attributes=attributes)

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
        return self._link.on_stream(topic, handler)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant.

        Args:
            to: Identity of the participant that is called.
            method: Name of the method.
            payload: Payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response of the participant.

        Raises:
            RoomError: The call failed or timed out.
        """
        return await self._link.call(to, method, payload, timeout_s=timeout_s)

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Handle an RPC method for all callers.

        Args:
            method: Name of the method.
            handler: Called with the caller and the payload of each call; returns the response.

        Returns:
            A function that ends the subscription.
        """
        return self._link.serve(method, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet to the given participants.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """
        await self._link.send(topic, payload, to=to, reliable=reliable)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive the data packets of a topic from all senders.

        Args:
            topic: Topic of the packets.
            handler: Called with the sender and the content of each packet.

        Returns:
            A function that ends the subscription.
        """
        return self._link.on_data(topic, handler)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: Format of the audio that the track accepts.
            name: Name of the track.

        Returns:
            The published track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        return await self._link.publish_audio(format, name=name)

    async def wait_for_subscriber(self) -> None:
        """Publish a silent track, and wait until a participant subscribes to the track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        await self._link.wait_for_subscriber()

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
        return await self._link.publish_video(width, height, fps, name=name)

    def listen(self, identity: str) -> RemoteAudio:
        """Subscribe to the sound of a remote participant.

        Args:
            identity: Identity of the remote participant.

        Returns:
            The subscription.
        """
        return self._link.listen(identity)

    async def aclose(self) -> None:
        """Close the wrapped link."""
        await self._link.aclose()
