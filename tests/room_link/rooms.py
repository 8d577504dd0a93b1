"""Rooms in memory and on a real server behind one interface, for tests that run in both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.rtc import admin
from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.clock import run
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings

FORMAT = AudioFormat(48_000)


class Rooms(Protocol):
    """One room, and operations on its participants."""

    async def join(
        self, identity: str, *, is_agent: bool = False, attributes: Mapping[str, str] | None = None
    ) -> RoomLink:
        """Join a participant, and return its link."""

    async def remove(self, identity: str) -> None:
        """Remove a participant from the room, as the server does."""

    async def reconnect(self, link: RoomLink) -> None:
        """Make a participant reconnect completely."""

    async def mute(self, link: RoomLink, *, muted: bool) -> None:
        """Mute or unmute the audio tracks of a participant, as the participant itself does."""

    async def aclose(self) -> None:
        """Let all participants leave."""


class MemoryRooms:
    """A room in memory."""

    def __init__(self) -> None:
        self._room = MemoryRoom()

    async def join(
        self, identity: str, *, is_agent: bool = False, attributes: Mapping[str, str] | None = None
    ) -> RoomLink:
        return self._room.join(identity, is_agent=is_agent, attributes=attributes)

    async def remove(self, identity: str) -> None:
        self._room.remove(identity)

    async def reconnect(self, link: RoomLink) -> None:
        assert isinstance(link, MemoryLink)
        self._room.reconnect(link.identity)

    async def mute(self, link: RoomLink, *, muted: bool) -> None:
        self._room.mute(link.identity, muted=muted)

    async def aclose(self) -> None:
        for identity in list(self._room.members):
            self._room.remove(identity)


class RealRooms:
    """A room of a real server."""

    def __init__(self, server: DevServer) -> None:
        self._server = server
        self._name = f"link-{secrets.token_hex(4)}"
        self._links: list[RtcLink] = []

    async def join(
        self,
        identity: str,
        *,
        is_agent: bool = False,
        attributes: Mapping[str, str] | None = None,
        subscribe: bool = True,
    ) -> RtcLink:
        kind = "agent" if is_agent else "standard"
        token = create_token(self._server, self._name, identity, kind, dict(attributes or {}))
        link = await join(self._server.url, token, subscribe=subscribe)
        self._links.append(link)
        return link

    async def remove(self, identity: str) -> None:
        await admin.remove_participant(livekit_settings(self._server), self._name, identity)

    async def reconnect(self, link: RoomLink) -> None:
        assert isinstance(link, RtcLink)
        await link.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)

    async def mute(self, link: RoomLink, *, muted: bool) -> None:
        assert isinstance(link, RtcLink)
        for publication in link.room.local_participant.track_publications.values():
            if isinstance(publication.track, rtc.LocalAudioTrack):
                (publication.track.mute if muted else publication.track.unmute)()

    async def aclose(self) -> None:
        await asyncio.gather(*(link.aclose() for link in self._links))


Body = Callable[[Rooms], Coroutine[Any, Any, None]]


def in_memory(body: Body, _: DevServer) -> None:
    """Run a test in a room in memory, in virtual time."""
    run(_bounded(body, MemoryRooms))


def on_the_server(body: Body, server: DevServer) -> None:
    """Run a test in a room of the real server."""
    asyncio.run(_bounded(body, lambda: RealRooms(server)))


async def _bounded(body: Body, make: Callable[[], Rooms]) -> None:
    rooms = make()
    try:
        async with asyncio.timeout(30):
            await body(rooms)
    finally:
        await rooms.aclose()


class EventLog:
    """Records the room events of a link.

    Attributes:
        events: Each event with its participant, in order.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._news = asyncio.Event()
        self.events: list[tuple[RoomEvent, RemoteParticipant | None]] = []
        link.watch(self._record)

    @property
    def kinds(self) -> list[RoomEvent]:
        """The events without their participants."""
        return [event for event, _ in self.events]

    def participants_of(self, event: RoomEvent) -> list[RemoteParticipant]:
        """Return the participants of one kind of event, in order."""
        return [participant for kind, participant in self.events if kind is event and participant]

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after each event."""
        while not condition():
            await self._news.wait()
            self._news.clear()

    async def wait_for(self, event: RoomEvent) -> None:
        """Wait until an event of this kind was recorded."""
        await self.wait_until(lambda: event in self.kinds)

    async def wait_for_participant(self, identity: str, *tracks: str) -> RemoteParticipant:
        """Wait until a participant is in the room with these tracks, and return it."""
        await self.wait_until(
            lambda: (
                identity in self._link.remote_participants()
                and set(tracks) <= self._link.remote_participants()[identity].tracks
            )
        )
        return self._link.remote_participants()[identity]

    def _record(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        self.events.append((event, participant))
        self._news.set()


async def join_publishing(rooms: Rooms, *identities: str) -> list[RoomLink]:
    """Join participants that publish audio and know one another."""
    links = [await rooms.join(identity) for identity in identities]
    await publish_and_wait(links)
    return links


async def join_pair(rooms: Rooms) -> tuple[RoomLink, RoomLink]:
    """Join an agent `here` and a participant `there` that publish audio and know one another."""
    here = await rooms.join("here", is_agent=True)
    there = await rooms.join("there", attributes={"colour": "blue"})
    await publish_and_wait([here, there])
    return here, there


async def publish_and_wait(links: list[RoomLink]) -> None:
    """Publish audio from each link, and wait until each of them knows the tracks of all others."""
    logs = [EventLog(link) for link in links]
    for link in links:
        await link.publish_audio(FORMAT, name="voice")
    for link, log in zip(links, logs, strict=True):
        for other in links:
            if other is not link:
                await log.wait_for_participant(other.identity, "audio")
