"""The participants of a room in memory, and what they see of each other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.testing.room.members import Member


class Roster:
    """The participants of a room, each of which sees some of the others.

    Args:
        latency_s: One-way latency of all messages and events, in seconds.

    Attributes:
        latency_s: One-way latency of all messages and events, in seconds.
        members: The participants by identity.
    """

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.members: dict[str, Member] = {}
        self._on_the_way: deque[Callable[[], object]] = deque()

    def participants_for(self, identity: str) -> dict[str, RemoteParticipant]:
        """Return the participants that one participant sees.

        A participant sees those who joined before it, and those whom the room has announced since.

        Args:
            identity: The identity of the participant that sees the others.

        Returns:
            The other participants by identity; empty if `identity` is not in the room.
        """
        me = self.members.get(identity)
        return {
            other: member.participant()
            for other, member in self.members.items()
            if me is not None and sees(me, member)
        }

    def member(self, identity: str) -> Member | None:
        """Return the connected participant that has the given identity.

        Args:
            identity: The identity of the participant.

        Returns:
            The participant; None if no connected participant has the identity.
        """
        member = self.members.get(identity)
        return member if member is not None and member.link.connected else None

    def published(self, identity: str, kind: str, *, unpublished: bool = False) -> None:
        """Announce to the other participants that a participant published or unpublished a track.

        Args:
            identity: The identity of the participant. An identity that is not in the room has no
                effect.
            kind: The kind of the track: "audio" or "video".
            unpublished: Whether the participant unpublished the track.
        """
        member = self.members.get(identity)
        if member is None:
            return
        self._announce(identity, member.sid)
        (member.tracks.discard if unpublished else member.tracks.add)(kind)
        self._tell_others(member, RoomEvent.TRACKS)

    def later(self, arrive: Callable[[], object]) -> None:
        """Call a function after the room's latency, in the order of the calls of this method.

        The event loop may run timers that are due at the same time in any order. Therefore each
        timer calls the function that has waited longest.

        Args:
            arrive: Called without arguments after the latency.
        """
        self._on_the_way.append(arrive)
        loop = asyncio.get_running_loop()
        loop.call_later(self.latency_s, lambda: self._on_the_way.popleft()())

    def _pairs(self, member: Member) -> list[tuple[Member, Member]]:
        """Return the pairs (observer, other) in which `member` sees the other or is seen."""
        others = list(self.members.values())
        pairs = [pair for other in others for pair in ((member, other), (other, member))]
        return [pair for pair in pairs if sees(*pair)]

    def _announce(self, identity: str, sid: str) -> None:
        """Send a `JOINED` event to each participant that does not see the new participant yet."""
        member = self.members.get(identity)
        if member is None or member.sid != sid or member.announced or member.away:
            return
        unaware = [other for other in self.members.values() if not sees(other, member)]
        member.announced = True
        for other in unaware:
            if sees(other, member):
                self.later(partial(other.link.changed, RoomEvent.JOINED, member.participant()))

    def _forget(self, identity: str, sid: str) -> None:
        member = self.members.get(identity)
        if member is not None and member.sid == sid:
            del self.members[identity]
            self._left(member)

    def _left(self, member: Member) -> None:
        member.left_for_good = True
        if member.announced:
            self._tell_others(member, RoomEvent.LEFT)

    def _tell_others(self, member: Member, event: RoomEvent) -> None:
        for other in self.members.values():
            if sees(other, member):
                self.later(partial(other.link.changed, event, member.participant()))


def sees(one: Member, other: Member) -> bool:
    """Return whether one participant sees another.

    Args:
        one: The participant that sees the other.
        other: The other participant.

    Returns:
        False while one of the two is away, and before the other one becomes visible.
    """
    known = other.announced or other.order < one.order
    return known and one is not other and not (one.away or other.away)


def tell(pairs: list[tuple[Member, Member]], event: RoomEvent) -> None:
    """Send an event about the second participant of each pair to the first, without latency.

    Args:
        pairs: Pairs (observer, other).
        event: The event.
    """
    for one, other in pairs:
        one.link.changed(event, other.participant())
