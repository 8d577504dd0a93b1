"""Who sees whom come and go, in a room in memory as on the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomEvent, RoomLink
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import FORMAT, Body, Rooms, Watch, on_the_server


async def published(rooms: Rooms, *identities: str) -> list[RoomLink]:
    """Participants that see one another."""
    links = [await rooms.join(identity) for identity in identities]
    watches = [Watch(link) for link in links]
    for link in links:
        await link.publish_audio(FORMAT, name="voice")
    for link, watch in zip(links, watches, strict=True):
        for other in links:
            if other is not link:
                await watch.sees(other.identity, "audio")
    return links


def test_who_was_there_already_joins_nobody_when_it_publishes(
    both: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        early = await rooms.join("early")
        late = await rooms.join("late")
        watch = Watch(late)
        await early.publish_audio(FORMAT, name="voice")
        await watch.until(lambda: bool(watch.told(RoomEvent.TRACKS)))
        await watch.sees("early", "audio")
        assert watch.told(RoomEvent.JOINED) == []
        assert [
            participant.identity for participant in watch.told(RoomEvent.TRACKS) if participant
        ] == ["early"]
        assert "late" not in early.remote_participants(), "it publishes nothing"

    both(body)


def test_who_comes_later_joins_and_then_has_tracks(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        early = await rooms.join("early")
        watch = Watch(early)
        late = await rooms.join("late")
        await late.publish_audio(FORMAT, name="voice")
        await watch.until(lambda: bool(watch.told(RoomEvent.TRACKS)))
        assert [event for event, _ in watch.changes] == [RoomEvent.JOINED, RoomEvent.TRACKS]

    both(body)


def test_who_leaves_by_itself_is_told_nothing(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await published(rooms, "here", "there")
        watch, back = Watch(here), Watch(there)
        await there.aclose()
        await watch.until(lambda: bool(watch.told(RoomEvent.LEFT)))
        assert [
            participant.left_for_good for participant in watch.told(RoomEvent.LEFT) if participant
        ] == [True]
        assert back.changes == []
        assert there.remote_participants() == {} or not there.connected
        with pytest.raises(RoomError):
            await there.publish_audio(FORMAT, name="more")

    both(body)


def test_who_reconnects_is_away_for_the_others(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there, _ = await published(rooms, "here", "there", "other")
        watch, back = Watch(here), Watch(there)
        seen: list[bool] = []
        here.watch(lambda event, _: seen.append("there" in here.remote_participants()))
        await rooms.reconnect(there)
        await watch.until(lambda: bool(watch.told(RoomEvent.LEFT)))
        await watch.until(lambda: bool(watch.told(RoomEvent.JOINED)))
        await back.until(lambda: bool(back.told(RoomEvent.RECONNECTED)))
        left = [event for event, _ in watch.changes].index(RoomEvent.LEFT)
        assert seen[left] is False
        assert "there" in here.remote_participants()
        assert {
            participant.identity for participant in watch.told(RoomEvent.LEFT) if participant
        } == {"there"}
        assert {
            participant.identity for participant in back.told(RoomEvent.LEFT) if participant
        } == {"here", "other"}
        assert not any(
            participant.left_for_good for participant in back.told(RoomEvent.LEFT) if participant
        )

    both(body)


@pytest.mark.livekit
def test_a_server_knows_who_reconnected_under_a_new_sid(server: DevServer) -> None:
    """A room in memory does so where it is asked to: `MemoryRoom.reconnect(anew=True)`."""

    async def body(rooms: Rooms) -> None:
        here, there = await published(rooms, "here", "there")
        watch, sid = Watch(here), here.remote_participants()["there"].sid
        await rooms.reconnect(there)
        await watch.until(lambda: bool(watch.told(RoomEvent.JOINED)))
        assert here.remote_participants()["there"].sid != sid

    on_the_server(body, server)


def test_what_is_sent_to_who_is_gone_is_lost_without_an_error(
    both: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there, other = await published(rooms, "here", "there", "other")
        got: list[bytes] = []
        there.on_data("topic", lambda _, payload: got.append(payload))
        later: asyncio.Queue[bytes] = asyncio.Queue()
        other.on_data("topic", lambda _, payload: later.put_nowait(payload))
        writer = await here.open_stream("topic", to=["there"], attributes={})
        watch = Watch(here)
        await there.aclose()
        await watch.until(lambda: bool(watch.told(RoomEvent.LEFT)))
        await here.send("topic", b"x", to=["there"])
        await writer.write(b"x")
        await writer.aclose()
        await here.send("topic", b"y", to=["other"])
        assert await later.get() == b"y"
        assert got == []

    both(body)
