"""The room link over `livekit.rtc`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.participants import RemoteParticipant, RoomEventHandler
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.router import SenderRouter
from avatar_core.rtc.encryption import is_encrypted
from avatar_core.rtc.media import TrackPublisher
from avatar_core.rtc.message_link import RtcMessageLink
from avatar_core.rtc.participant import read_participant
from avatar_core.rtc.remote_audio import RtcRemoteAudio
from avatar_core.rtc.room_events import RoomEvents
from avatar_core.rtc.subscriptions import Subscriptions

log = logging.getLogger("avatar_core.rtc")

LEAVE_S = 3.0


class RtcLink(RtcMessageLink):
    """The connection of the local participant to a LiveKit room.

    `link_for` and `join` create the links.

    Args:
        room: A connected room.
        owned: Whether closing the link leaves the room.

    Attributes:
        room: The room object of `livekit.rtc`.
        closed: Whether the link was closed.
        router: Passes RPCs and data packets to their handlers, by sender.
    """

    def __init__(self, room: rtc.Room, *, owned: bool = False) -> None:
        super().__init__(room, RoomEvents(room, self._on_disconnect))
        self.closed = False
        self._owned = owned
        self._tracks = TrackPublisher(self._local)
        self._subscriptions = Subscriptions(room)
        self.router = SenderRouter(self)

    @property
    def is_stale(self) -> bool:
        """Whether the link was closed, or the room was left and joined again."""
        return self.closed or self._local is not self.room.local_participant

    @property
    def identity(self) -> str:
        """The identity of the local participant."""
        return str(self._local.identity)

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return str(self.room.name)

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of the local participant."""
        return self._local.attributes

    @property
    def connected(self) -> bool:
        """Whether the link is open and the room is connected."""
        return not self.closed and self.room.isconnected()

    @property
    def is_hidden(self) -> bool:
        """Whether the token of the local participant has the grant `hidden`."""
        return bool(self._local.permissions.hidden)

    @property
    def can_publish_data(self) -> bool:
        """Whether the token of the local participant has the grant `canPublishData`."""
        granted = self._local.permissions
        return bool(granted.can_publish_data) or not granted.ByteSize()  # empty: not known

    @property
    def is_encrypted(self) -> bool:
        """Whether the local participant encrypts its tracks or its data."""
        return is_encrypted(self.room)

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants of the room.

        Returns:
            A record of each participant, by identity.
        """
        return {
            other.identity: read_participant(other)
            for other in self.room.remote_participants.values()
        }

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each event of the room from now on.

        Args:
            handler: Called with the event and its participant; the participant is None for events
                of our own connection.

        Returns:
            A function that removes the handler.
        """
        return self._events.watch(handler)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: The format of the audio that the track takes.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        return await self._tracks.publish_audio(format, name)

    async def wait_for_subscriber(self) -> None:
        """Wait until a participant subscribes to a silent track that is published meanwhile.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        track = await self._tracks.publish_silence()
        try:
            await track.wait_for_subscription()
        except BaseException:
            await track.unpublish()
            raise
        self._tracks.unpublish_later(track)

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track.

        Args:
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        self._require_connection()
        return await self._tracks.publish_video(width, height, fps, name)

    def listen(self, identity: str) -> RemoteAudio:
        """Subscribe to the sound of a remote participant, also if the room does not by itself.

        Args:
            identity: The identity of the participant, which may join later.

        Returns:
            The subscription.
        """
        return RtcRemoteAudio(self._subscriptions, identity)

    async def aclose(self) -> None:
        """Stop passing events to handlers, and leave the room if `owned` is set; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._events.close()
        await self._subscriptions.aclose()
        self._close_acks()
        self._tracks.close()
        if self._owned:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self.room.disconnect()
            except TimeoutError:
                log.debug(
                    "The room %s did not confirm the disconnect within %g s.",
                    self.room.name,
                    LEAVE_S,
                )

    def _on_disconnect(self) -> None:
        self._close_acks()  # an application leaves its room without closing the link
        self._tracks.close()
        self._subscriptions.stop()
