"""Participants of a room in memory, and the protocols between the room and their links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from avatar_core.contracts.link import RemoteParticipant, RoomEvent, RoomLink
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.room.media import Recording
from avatar_core.testing.room.streams import MemoryReader


class MemberLink(Protocol):
    """A participant's link, as its room uses it."""

    @property
    def identity(self) -> str:
        """The participant's identity."""

    @property
    def connected(self) -> bool:
        """Whether it is in the room now."""

    def receive(
        self, topic: str, sender: str, attributes: Mapping[str, str]
    ) -> Sequence[MemoryReader]:
        """Receive a new stream; return the reader, or nothing if no handler wants it."""

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """Receive a data packet."""

    async def respond(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of a call."""

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Pass a room event on to the handlers."""

    def break_streams(self, sender: str | None = None) -> None:
        """End incoming streams abnormally, all or those of one sender."""

    def freeze(self) -> None:
        """Stop everything, and stay in the room."""

    def drop(self, event: RoomEvent | None) -> None:
        """Leave the room; the handlers get `event`, or nothing."""


@dataclass
class Member:
    """A participant: its link, and its state as the others see it."""

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
        """Return it as the others see it now."""
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
    """A room in memory, as links, workers and faults use it; `MemoryRoom` implements it.

    Attributes:
        name: The room's name.
        latency_s: One-way latency of everything that is sent.
        recording: The audio and the number of frames that a listener in the room received.
        members: The participants by identity.
    """

    name: str
    latency_s: float
    recording: Recording
    members: dict[str, Member]

    def join(
        self,
        identity: str,
        *,
        is_agent: bool = False,
        attributes: Mapping[str, str] | None = None,
    ) -> RoomLink:
        """Join the room."""

    def member(self, identity: str) -> Member | None:
        """Return the connected participant of this identity."""

    def participants_for(self, identity: str) -> dict[str, RemoteParticipant]:
        """Return the other participants, as this one sees them."""

    def published(self, identity: str, kind: str, *, unpublished: bool = False) -> None:
        """Announce a track that was published or, if `unpublished`, unpublished."""

    def later(self, arrive: Callable[[], object]) -> None:
        """Call `arrive` after the latency, in the order of the calls."""

    def remove(self, identity: str) -> None:
        """Remove a participant."""

    def crash(self, identity: str) -> None:
        """Drop a participant whose process has ended without leaving."""

    def reconnect(self, identity: str) -> None:
        """Let a participant reconnect in full."""
