"""The two kinds of room behind one face, so that one suite can ask both the same."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from livekit import api, rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.link import RemoteParticipant, RoomEvent, RoomLink
from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.clock import run
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.server import DevServer

FORMAT = AudioFormat(48_000)


class Rooms(Protocol):
    """One room, and what can be done to those in it."""

    async def join(
        self, identity: str, *, is_agent: bool = False, attributes: Mapping[str, str] | None = None
    ) -> RoomLink:
        """A participant enters."""

    async def kick(self, identity: str) -> None:
        """The server removes a participant."""

    async def reconnect(self, link: RoomLink) -> None:
        """A participant reconnects in full."""

    async def aclose(self) -> None:
        """Everybody leaves."""


class MemoryRooms:
    def __init__(self) -> None:
        self._room = MemoryRoom()

    async def join(
        self, identity: str, *, is_agent: bool = False, attributes: Mapping[str, str] | None = None
    ) -> RoomLink:
        return self._room.join(identity, is_agent=is_agent, attributes=attributes)

    async def kick(self, identity: str) -> None:
        self._room.remove(identity)

    async def reconnect(self, link: RoomLink) -> None:
        assert isinstance(link, MemoryLink)
        self._room.reconnect(link.identity)

    async def aclose(self) -> None:
        for identity in list(self._room.members):
            self._room.remove(identity)


class RealRooms:
    def __init__(self, server: DevServer) -> None:
        self._server = server
        self._name = f"link-{secrets.token_hex(4)}"
        self._links: list[RtcLink] = []

    async def join(
        self, identity: str, *, is_agent: bool = False, attributes: Mapping[str, str] | None = None
    ) -> RoomLink:
        token = (
            api.AccessToken(self._server.api_key, self._server.api_secret)
            .with_identity(identity)
            .with_kind("agent" if is_agent else "standard")
            .with_attributes(dict(attributes or {}))
            .with_grants(api.VideoGrants(room_join=True, room=self._name))
            .to_jwt()
        )
        link = await join(self._server.url, token, subscribe=True)
        self._links.append(link)
        return link

    async def kick(self, identity: str) -> None:
        server = self._server
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
            await client.room.remove_participant(
                api.RoomParticipantIdentity(room=self._name, identity=identity)
            )

    async def reconnect(self, link: RoomLink) -> None:
        assert isinstance(link, RtcLink)
        await link.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)

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


class Watch:
    """What a link says of others and of itself, and waiting for it."""

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._news = asyncio.Event()
        self.changes: list[tuple[RoomEvent, RemoteParticipant | None]] = []
        self._leave = link.watch(self._note)

    def _note(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        self.changes.append((event, participant))
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; looked at after each event."""
        while not condition():
            await self._news.wait()
            self._news.clear()

    def told(self, event: RoomEvent) -> list[RemoteParticipant | None]:
        """The participants of one kind of event."""
        return [participant for told, participant in self.changes if told is event]

    async def sees(self, identity: str, *tracks: str) -> RemoteParticipant:
        """Wait until a participant is there with these tracks."""
        await self.until(
            lambda: (
                identity in self._link.remote_participants()
                and set(tracks) <= self._link.remote_participants()[identity].tracks
            )
        )
        return self._link.remote_participants()[identity]


async def two(rooms: Rooms) -> tuple[RoomLink, RoomLink]:
    """Two participants that see one another: both publish."""
    here = await rooms.join("here", is_agent=True)
    there = await rooms.join("there", attributes={"colour": "blue"})
    watch, back = Watch(here), Watch(there)
    await here.publish_audio(FORMAT, name="voice")
    await there.publish_audio(FORMAT, name="voice")
    await watch.sees("there", "audio")
    await back.sees("here", "audio")
    return here, there
