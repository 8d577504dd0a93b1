"""An implementation of `RoomLink` for a room in memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent, RoomEventHandler
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.provisioning.context import SessionContext
from avatar_core.router import SenderRouter
from avatar_core.settings import AvatarSettings
from avatar_core.testing.room.context import memory_context
from avatar_core.testing.room.listening import MemoryRemoteAudio
from avatar_core.testing.room.media import MemoryAudioTrack, MemoryVideoTrack
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.message_link import MessageLink


class MemoryLink(MessageLink):
    """The connection of one participant to a `MemoryRoom`.

    `MemoryRoom.join` creates it.

    Args:
        room: The room in memory.
        identity: The identity of the participant.
        attributes: The attributes of the participant.
        is_hidden: Whether the participant is hidden.
        can_publish_data: Whether the participant may publish data.
        key: The key with which the participant encrypts its messages; None for no encryption.

    Attributes:
        room: The room in memory.
        key: The key with which the participant encrypts its messages; None for no encryption.
        router: Passes RPCs and data packets to their handlers, by sender.
    """

    def __init__(
        self,
        room: Hub,
        identity: str,
        attributes: Mapping[str, str],
        *,
        is_hidden: bool = False,
        can_publish_data: bool = True,
        key: bytes | None = None,
    ) -> None:
        super().__init__(room, identity, key)
        self.router = SenderRouter(self)
        self._attributes = attributes
        self._is_hidden, self._can_publish_data = is_hidden, can_publish_data
        self._may_publish = True
        self._watchers: list[RoomEventHandler] = []
        self._tracks: list[MemoryAudioTrack | MemoryVideoTrack] = []
        self._listening: list[MemoryRemoteAudio] = []

    @property
    def identity(self) -> str:
        """The identity of this participant."""
        return self._identity

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return self.room.name

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of this participant."""
        return self._attributes

    @property
    def connected(self) -> bool:
        """Whether this participant is in the room now."""
        return self._connected

    @property
    def is_hidden(self) -> bool:
        """Whether the participant is hidden; the room in memory only reports this."""
        return self._is_hidden

    @property
    def can_publish_data(self) -> bool:
        """Whether the participant may publish data; the room in memory only reports this."""
        return self._can_publish_data

    @property
    def is_encrypted(self) -> bool:
        """Whether the participant encrypts its messages."""
        return self.key is not None

    @property
    def subscriptions(self) -> set[str]:
        """The topics and RPC methods with a handler, and `presence` if `watch` has a handler."""
        return {*self._streams, *self._rpc, *self._data, *(["presence"] * bool(self._watchers))}

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the other participants that this participant sees.

        Returns:
            The participants by identity.
        """
        return self.room.participants_for(self._identity)

    @property
    def has_listener(self) -> bool:
        """Whether a listener is subscribed, or a participant that is a listener is visible."""
        return self.room.recording.listening.is_set() or super().has_listener

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each room event from now on.

        Args:
            handler: Called with the event and its participant, which is None for events of this
                link itself.

        Returns:
            A function that removes the handler; it may be called more than once.
        """
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return the session context for avatars of this participant, without a ledger.

        Args:
            settings: The settings that hold the timeouts.

        Returns:
            The context, whose workers run as asyncio tasks in the room.
        """
        return memory_context(self, self.room, settings, self.key)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish an audio track, whose audio goes into the room's recording.

        Args:
            format: The format of the audio that the track accepts.
            name: The name of the track; a room in memory ignores it.

        Returns:
            The published track.

        Raises:
            RoomError: This participant is not in the room, or may not publish.
        """
        await self._check_publishing()
        audio = MemoryAudioTrack(self._identity, format, self.room.recording, self._announce_audio)
        self._tracks.append(audio)
        self.room.published(self._identity, "audio")
        return audio

    def _announce_audio(self) -> None:
        """Announce that an audio track was unpublished; another one may remain."""
        remains = any(track.is_subscribed for track in self.audio_tracks)
        self.room.published(self._identity, "audio", unpublished=not remains)

    async def _check_publishing(self) -> None:
        await self.use()
        if not self._may_publish:
            raise RoomError(f"The participant {self._identity} may not publish tracks.")

    async def wait_for_subscriber(self) -> None:
        """Wait until a listener is subscribed to all tracks of the room."""
        await self.use()
        await self.room.recording.listening.wait()

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a video track, whose frames the room's recording counts.

        Args:
            width: The width of a frame in pixels; a room in memory ignores it.
            height: The height of a frame in pixels; a room in memory ignores it.
            fps: Frames per second; a room in memory ignores the number.
            name: The name of the track; a room in memory ignores it.

        Returns:
            The published track.

        Raises:
            RoomError: This participant is not in the room, or may not publish.
        """
        await self._check_publishing()
        unpublish = partial(self.room.published, self._identity, "video", unpublished=True)
        video = MemoryVideoTrack(self._identity, self.room.recording, unpublish)
        self._tracks.append(video)
        self.room.published(self._identity, "video")
        return video

    def listen(self, identity: str) -> RemoteAudio:
        """Subscribe to the sound of another participant.

        Args:
            identity: The identity of the participant, which may join later.

        Returns:
            The subscription.
        """
        audio = MemoryRemoteAudio(self.room, self._identity, identity)
        self._listening.append(audio)
        return audio

    async def aclose(self) -> None:
        """Leave the room without a `DISCONNECTED` event for this link; idempotent."""
        self._watchers.clear()
        if self._connected:
            self.room.remove(self._identity)

    # The members that the room reads and calls.

    @property
    def audio_tracks(self) -> list[MemoryAudioTrack]:
        """The audio tracks that this participant has created, also those that are unpublished."""
        return [track for track in self._tracks if isinstance(track, MemoryAudioTrack)]

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Pass a room event to the handlers of `watch`.

        A frozen link drops all events. A link outside the room passes `DISCONNECTED` only.

        Args:
            event: The room event.
            participant: The participant that the event is about; None for this link itself.
        """
        if self._frozen or not (self._connected or event is RoomEvent.DISCONNECTED):
            return
        for handler in list(self._watchers):
            handler(event, participant)

    def revoke_publishing(self) -> None:
        """Unpublish all tracks, and refuse to publish tracks from now on."""
        self._may_publish = False
        for track in self._tracks:
            track.remove()

    def freeze(self) -> None:
        """Stop sending and receiving, but stay in the room."""
        self._frozen = True
        for track in self._tracks:
            track.freeze()
        for audio in self._listening:
            audio.freeze()

    def drop(self, event: RoomEvent | None) -> None:
        """Disconnect this link: break its streams and drop its tracks.

        Args:
            event: The event for the handlers of `watch`; None sends no event.
        """
        self._connected = False
        self._left.set()
        self.break_streams()
        for track in self._tracks:
            track.drop()
        for audio in self._listening:
            audio.stop()
        if event is not None:
            self.changed(event, None)
