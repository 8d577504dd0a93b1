"""A room link in memory whose participant hangs, as a process does whose event loop is blocked."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.testing.faults.hang import Hang, HangingAudioTrack, HangingVideoTrack
from avatar_core.testing.faults.link_wrapper import LinkWrapper


class HangingLink(LinkWrapper):
    """A link whose messages, calls and frames wait while its participant hangs.

    The participant stays in the room, its audio track sends silence, and calls of RPC methods that
    the participant does not serve still fail at once, because LiveKit's client handles them outside
    of the event loop (measured, livekit 1.1.21).

    Args:
        link: The wrapped link.

    Attributes:
        hang: The time during which the participant hangs.
    """

    def __init__(self, link: RoomLink) -> None:
        super().__init__(link)
        self.hang = Hang()

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
        return super().on_stream(
            topic, lambda *arguments: self.hang.run_later(partial(handler, *arguments))
        )

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
        await self.hang.wait()
        return await super().call(to, method, payload, timeout_s=timeout_s)

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Handle an RPC method for all callers.

        Args:
            method: Name of the method.
            handler: Called with the caller and the payload of each call; returns the response.

        Returns:
            A function that ends the subscription.
        """

        async def respond(caller: str, payload: str) -> str:
            """Respond with the handler when the participant does not hang.

            Args:
                caller: Identity of the caller.
                payload: Payload of the call.

            Returns:
                The response of the handler.

            Raises:
                RoomError: The participant has left the room.
                Exception: The handler raised the exception.
            """
            await self.hang.wait()
            if not self.connected:
                raise RoomError(f"The participant {self.identity} has left the room.")
            response = handler(caller, payload)
            return await response if inspect.isawaitable(response) else response

        return super().serve(method, respond)

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
        await self.hang.wait()
        await super().send(topic, payload, to=to, reliable=reliable)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive the data packets of a topic from all senders.

        Args:
            topic: Topic of the packets.
            handler: Called with the sender and the content of each packet.

        Returns:
            A function that ends the subscription.
        """
        return super().on_data(
            topic, lambda *arguments: self.hang.run_later(partial(handler, *arguments))
        )

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
        return HangingAudioTrack(await super().publish_audio(format, name=name), self.hang)

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
        track = await super().publish_video(width, height, fps, name=name)
        return HangingVideoTrack(track, self.hang)

    async def aclose(self) -> None:
        """Leave the room, and end the hang."""
        await super().aclose()
        self.hang.end()
