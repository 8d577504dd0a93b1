"""Who is in a room in memory, and what links, tracks and workers need of the room itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from avatar_core.contracts.link import RemoteParticipant, RoomEvent, RoomLink
from avatar_core.testing.room.media import Recording
from avatar_core.testing.room.streams import MemoryReader


class MemberLink(Protocol):
    """A participant's link as its room uses it."""

    @property
    def identity(self) -> str:
        """The participant's identity."""

    @property
    def connected(self) -> bool:
        """Whether it is in the room."""

    def receive(
        self, topic: str, sender: str, attributes: Mapping[str, str]
    ) -> Sequence[MemoryReader]:
        """A stream was opened to it: the ends that read it, none where nobody does."""

    def take_in(self, topic: str, sender: str, payload: bytes) -> None:
        """A data packet has arrived."""

    async def answer(self, caller: str, method: str, payload: str) -> str:
        """Run the handler of a call."""

    def changed(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        """Tell whoever watches."""

    def break_streams(self, sender: str | None = None) -> None:
        """End incoming streams abnormally, all or those of one sender."""

    def freeze(self) -> None:
        """Stop doing anything, and stay in the room."""

    def drop(self, event: RoomEvent | None) -> None:
        """It is out of the room; None where it hears nothing of that."""


@dataclass
class Member:
    """A participant: its link while it is connected, and what others know of it."""

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
        """As others see it now."""
        return RemoteParticipant(
            identity=self.link.identity,
            sid=self.sid,
            is_agent=self.is_agent,
            attributes=dict(self.attributes),
            tracks=frozenset(self.tracks),
            left_for_good=self.left_for_good,
        )


class Hub(Protocol):
    """A room in memory as links, workers and faults use it; `MemoryRoom` is the one.

    Attributes:
        name: The room's name.
        latency_s: One way, for everything that is sent.
        recording: What a listener in the room heard and saw.
        members: Participants by identity.
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
        """Enter the room."""

    def member(self, identity: str) -> Member | None:
        """Who is connected under this identity."""

    def participants_for(self, identity: str) -> dict[str, RemoteParticipant]:
        """The other participants as one of them sees them."""

    def published(self, identity: str, kind: str, *, gone: bool = False) -> None:
        """A track came or went."""

    def later(self, arrive: Callable[[], object]) -> None:
        """Let something arrive at the other side."""

    def remove(self, identity: str) -> None:
        """Remove a participant."""

    def crash(self, identity: str) -> None:
        """A participant's process is gone without a word."""

    def reconnect(self, identity: str) -> None:
        """A participant reconnects in full."""
