"""A LiveKit room in memory, which uses loop time and can simulate faults.

The room behaves like livekit-server 1.13.5. The tests in `tests/conformance/` run against this room
and against livekit-server.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Mapping

from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.provisioning.context import SessionContext
from avatar_core.settings import AvatarSettings
from avatar_core.testing.clock import refuse_other_clocks
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.members import Member
from avatar_core.testing.room.recording import Recording
from avatar_core.testing.room.roster import Roster, tell

LATENCY_S = 0.002
"""Default one-way latency of a room, in seconds."""
UNANNOUNCED_S = 3.0
"""Seconds after which the room announces a participant that publishes nothing."""
LISTENING_DELAY_S = 0.05
"""Default of `MemoryRoom.listening_delay_s`. livekit-server on loopback and the jitter buffer of
LiveKit take 0.045 to 0.05 s (measured)."""
CRASH_S = 20.0
"""Seconds after which the other participants see a crashed participant leave."""


class MemoryRoom(Roster):
    """A LiveKit room in memory, without a server or a network.

    Args:
        name: The name of the room.
        latency_s: One-way latency of all messages and events, in seconds.
        listening: Whether a listener hears everything from the start. With False nobody hears
            anything before a call of `listen`.

    Attributes:
        name: The name of the room.
        latency_s: One-way latency of all messages and events, in seconds.
        listening_delay_s: Seconds from a sound to its frame at a participant that listens with
            `RoomLink.listen`; at least 0.02.
        recording: The audio and the number of video frames that a listener in the room received.
        members: The participants by identity.
        speaks_for: The identity on whose behalf each participant speaks, by the participant's
            identity. The mapping contains every participant that ever joined. A participant without
            the attribute `lk.publish_on_behalf` speaks for itself.
    """

    def __init__(
        self, name: str = "memory", *, latency_s: float = LATENCY_S, listening: bool = True
    ) -> None:
        super().__init__(latency_s)
        self.name = name
        self.listening_delay_s = LISTENING_DELAY_S
        self.recording = Recording()
        if listening:
            self.listen()
        self.speaks_for: dict[str, str] = {}
        self._count = itertools.count(1)

    def join(
        self,
        identity: str,
        *,
        is_agent: bool = False,
        attributes: Mapping[str, str] | None = None,
        is_hidden: bool = False,
        can_publish_data: bool = True,
        key: bytes | None = None,
    ) -> MemoryLink:
        """Join the room as a new participant, and remove a participant with the same identity.

        Args:
            identity: The identity of the new participant.
            is_agent: Whether the other participants see the participant as an agent.
            attributes: The attributes of the participant; None for none.
            is_hidden: Whether the link reports that the participant is hidden.
            can_publish_data: Whether the link reports that the participant may publish data.
            key: The key with which the participant encrypts its messages; None for no encryption.
                Only participants with the same key receive the messages.

        Returns:
            The participant's connection to the room.

        Raises:
            RuntimeError: The library looptime, which does not change `time.time`, controls the
                running event loop.
        """
        refuse_other_clocks()
        if identity in self.members:
            self.remove(identity)
        link = MemoryLink(
            self,
            identity,
            dict(attributes or {}),
            is_hidden=is_hidden,
            can_publish_data=can_publish_data,
            key=key,
        )
        self.speaks_for[identity] = link.attributes.get(PUBLISH_ON_BEHALF, identity)
        sid = _new_sid()
        self.members[identity] = Member(
            link, sid, next(self._count), is_agent, dict(attributes or {})
        )
        asyncio.get_running_loop().call_later(UNANNOUNCED_S, self._announce, identity, sid)
        return link

    def agent(self, identity: str = "agent") -> MemoryLink:
        """Return the link of an agent; the agent joins the room first if it is not connected.

        Args:
            identity: The identity of the agent.

        Returns:
            The agent's connection to the room.

        Raises:
            RuntimeError: The library looptime, which does not change `time.time`, controls the
                running event loop.
        """
        member = self.member(identity)
        if member is None:
            return self.join(identity, is_agent=True)
        assert isinstance(member.link, MemoryLink)
        return member.link

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return the session context for avatars of the participant `agent`, without a ledger.

        The participant `agent` joins the room first if it is not connected.

        Args:
            settings: The settings that hold the timeouts.

        Returns:
            The context; it starts workers as asyncio tasks in the room.

        Raises:
            RuntimeError: The library looptime, which does not change `time.time`, controls the
                running event loop.
        """
        return self.agent().session_context(settings)

    def listen(self) -> None:
        """Let a listener subscribe to all tracks, those of now and later ones; idempotent."""
        self.recording.listening.set()

    # Actions of a test or a server on a participant.

    def remove(self, identity: str) -> None:
        """Remove a participant from the room; the participant gets a `DISCONNECTED` event.

        Args:
            identity: The identity of the participant. An identity that is not in the room has no
                effect.
        """
        if member := self.members.pop(identity, None):
            member.link.drop(RoomEvent.DISCONNECTED)
            self._left(member)

    def mute(self, identity: str, *, muted: bool = True) -> None:
        """Mute or unmute the audio tracks of a participant.

        Args:
            identity: The identity of the participant. An identity that is not in the room has no
                effect.
            muted: Whether the tracks are muted from now on.
        """
        if member := self.members.get(identity):
            tracks = [track for track in member.link.audio_tracks if track.is_subscribed]
            for track in tracks:
                track.mute(muted)
            if tracks:
                self.published(identity, "audio", unpublished=muted)

    def revoke_publishing(self, identity: str) -> None:
        """Revoke the permission of a participant to publish, which unpublishes its tracks.

        Args:
            identity: The identity of the participant. An identity that is not in the room has no
                effect.
        """
        if member := self.members.get(identity):
            member.link.revoke_publishing()

    def crash(self, identity: str) -> None:
        """Disconnect a participant as if its process was killed.

        The other participants see the participant leave 20 s later.

        Args:
            identity: The identity of the participant. An identity that is not in the room has no
                effect.
        """
        if member := self.members.get(identity):
            member.link.drop(None)
            asyncio.get_running_loop().call_later(CRASH_S, self._forget, identity, member.sid)

    def reconnect(self, identity: str, away_s: float = 0.08, *, new_sid: bool = False) -> None:
        """Start a full reconnect of a participant, which breaks the participant's streams.

        The participant sees all other participants leave, gets the event `RECONNECTING`, sees them
        join with the same sids, and gets the event `RECONNECTED`. The other participants see the
        participant leave and join.

        Args:
            identity: The identity of the participant.
            away_s: Seconds during which the other participants do not see the participant.
            new_sid: Whether the participant returns with a new sid, as on a real server.

        Raises:
            KeyError: The participant is not in the room.
        """
        member = self.members[identity]
        loop = asyncio.get_running_loop()
        member.link.break_streams()
        for other in self.members.values():
            other.link.break_streams(sender=identity)
        parted = self._pairs(member)
        member.away = True
        tell(parted, RoomEvent.LEFT)
        loop.call_later(0.01, member.link.changed, RoomEvent.RECONNECTING, None)

        def back() -> None:
            """Make the participant visible again, unless the participant has left the room."""
            if self.member(identity) is not member:
                return
            member.away, member.announced = False, True
            member.sid = _new_sid() if new_sid else member.sid
            tell(self._pairs(member), RoomEvent.JOINED)
            loop.call_later(0.06, member.link.changed, RoomEvent.RECONNECTED, None)

        loop.call_later(away_s, back)


def _new_sid() -> str:
    return f"PA_{secrets.token_hex(6)}"
