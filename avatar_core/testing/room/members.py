"""Participants of a room in memory, and the protocols between the room and its links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.room.media import MemoryAudioTrack
from avatar_core.testing.room.recording import Recording
from avatar_core.testing.room.streams import MemoryReader


class MemberLink(Protocol):
    """The interface of a participant's link for its room in memory; see `MemoryLink`.

    Attributes:
        key: The key with which the participant encrypts its messages; None for no encryption.
    """

    key: bytes | None

    @property
    def identity(self) -> str:
        """The identity of the participant."""

    @property
    def connected(self) -> bool:
        """Whether the participant is in the room now."""

    @property
    def audio_tracks(self) -> Sequence[MemoryAudioTrack]:
        """The audio tracks that the participant has created, also those that are unpublished."""

    def receive(
        self, topic: str, sender: str, attributes: Mapping[str, str]
    ) -> Sequence[MemoryReader]:
        """Pass a stream that another participant opened to the handler of the stream's topic.

        Args:
            topic: The topic of the stream.
            sender: The identity of the sender.
            attributes: The attributes of the stream.

        Returns:
            One reader, or an empty sequence if no handler received the stream.
        """

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """Pass a data packet to the handler of its topic.

        Args:
            topic: The topic of the packet.
            sender: The identity of the sender.
            payload: The content of the packet.
        """

    async def respond(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of an RPC that another participant called.

        Args:
            caller: The identity of the caller.
            method: The name of the method.
            payload: The payload of the call.

        Returns:
            The response of the handler.

        Raises:
            RoomError: The participant has left, does not serve the method, or its handler failed.
        """

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Pass a room event to the handlers that watch the room.

        Args:
            event: The room event.
            participant: The participant that the event is about; None for this link itself.
        """

    def break_streams(self, sender: str | None = None) -> None:
        """End incoming streams abnormally, as a full reconnect does.

        Args:
            sender: Identity of the sender whose streams end; None ends all streams.
        """

    def revoke_publishing(self) -> None:
        """Unpublish all tracks, and refuse to publish tracks from now on."""

    def freeze(self) -> None:
        """Stop sending and receiving, but stay in the room."""

    def drop(self, event: RoomEvent | None) -> None:
        """Disconnect the link from the room.

        Args:
            event: The event for the handlers that watch the room; None sends no event.
        """


@dataclass
class Member:
    """A participant of a room in memory: its link, and its state as the other participants see it.

    `MemoryRoom.join` creates it.

    Attributes:
        link: The link of the participant.
        sid: LiveKit's session id of the participant.
        order: Number of the join; a later participant has a higher number.
        is_agent: Whether the other participants see the participant as an agent.
        attributes: The participant attributes.
        tracks: Kinds of the published tracks: "audio", "video".
        announced: Whether the room has announced the participant to those that joined earlier.
        away: Whether the participant is invisible during a full reconnect.
        left_for_good: Whether the participant has left and will not reconnect.
    """

    link: MemberLink
    sid: str
    order: int
    is_agent: bool
    attributes: Mapping[str, str]
    tracks: set[str] = field(default_factory=set)
    announced: bool = False
    away: bool = False
    left_for_good: bool = False

    def participant(self) -> RemoteParticipant:
        """Return the participant as the other participants see it now.

        Returns:
            A snapshot of the participant.
        """
        return RemoteParticipant(
            identity=self.link.identity,
            sid=self.sid,
            is_agent=self.is_agent,
            attributes=dict(self.attributes),
            tracks=frozenset(self.tracks),
            left_for_good=self.left_for_good,
            is_listener=not self.is_agent and PUBLISH_ON_BEHALF not in self.attributes,
        )


class Hub(Protocol):
    """The interface of a room in memory for its links, workers and faults; see `MemoryRoom`.

    Attributes:
        name: The name of the room.
        latency_s: One-way latency of all messages and events, in seconds.
        listening_delay_s: Seconds from a sound to its frame at a participant that listens.
        recording: The audio and the number of video frames that a listener in the room received.
        members: The participants by identity.
    """

    name: str
    latency_s: float
    listening_delay_s: float
    recording: Recording
    members: dict[str, Member]

    def join(
        self,
        identity: str,
        *,
        is_agent: bool = False,
        attributes: Mapping[str, str] | None = None,
        key: bytes | None = None,
    ) -> RoomLink:
        """Join the room as a new participant.

        Args:
            identity: The identity of the new participant.
            is_agent: Whether the other participants see the participant as an agent.
            attributes: The attributes of the participant; None for none.
            key: The key with which the participant encrypts its messages; None for no encryption.

        Returns:
            The participant's connection to the room.

        Raises:
            RuntimeError: The library looptime controls the running event loop.
        """

    def member(self, identity: str) -> Member | None:
        """Return the connected participant that has the given identity.

        Args:
            identity: The identity of the participant.

        Returns:
            The participant; None if no connected participant has the identity.
        """

    def participants_for(self, identity: str) -> dict[str, RemoteParticipant]:
        """Return the participants that one participant sees.

        Args:
            identity: The identity of the participant that sees the others.

        Returns:
            The other participants by identity.
        """

    def published(self, identity: str, kind: str, *, unpublished: bool = False) -> None:
        """Announce that a participant published or unpublished a track.

        Args:
            identity: The identity of the participant.
            kind: The kind of the track: "audio" or "video".
            unpublished: Whether the participant unpublished the track.
        """

    def later(self, arrive: Callable[[], object]) -> None:
        """Call a function after the room's latency, in the order of the calls of this method.

        Args:
            arrive: Called without arguments after the latency.
        """

    def remove(self, identity: str) -> None:
        """Remove a participant from the room, like the server API of LiveKit.

        Args:
            identity: The identity of the participant.
        """

    def mute(self, identity: str, *, muted: bool = True) -> None:
        """Mute or unmute the audio tracks of a participant.

        Args:
            identity: The identity of the participant.
            muted: Whether the tracks are muted from now on.
        """

    def revoke_publishing(self, identity: str) -> None:
        """Revoke the permission of a participant to publish tracks.

        Args:
            identity: The identity of the participant.
        """

    def crash(self, identity: str) -> None:
        """Disconnect a participant as if its process was killed.

        Args:
            identity: The identity of the participant.
        """

    def reconnect(self, identity: str) -> None:
        """Start a full reconnect of a participant.

        Args:
            identity: The identity of the participant.

        Raises:
            KeyError: The participant is not in the room.
        """
