"""Events of participants that join and leave, in a room in memory and on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.participants import RoomEvent
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import FORMAT, Body, EventLog, Rooms, join_publishing, on_the_server


def test_new_track_of_an_earlier_participant_emits_no_join_event(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        early = await rooms.join("early")
        late = await rooms.join("late")
        events = EventLog(late)
        await early.publish_audio(FORMAT, name="voice")
        await events.wait_for(RoomEvent.TRACKS)
        await events.wait_for_participant("early", "audio")
        assert RoomEvent.JOINED not in events.kinds
        assert [
            participant.identity for participant in events.participants_of(RoomEvent.TRACKS)
        ] == ["early"]
        assert "late" not in early.remote_participants(), (
            "a participant without tracks is not announced at once"
        )

    in_both_rooms(body)


def test_join_event_precedes_the_tracks_event(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        early = await rooms.join("early")
        events = EventLog(early)
        late = await rooms.join("late")
        await late.publish_audio(FORMAT, name="voice")
        await events.wait_for(RoomEvent.TRACKS)
        assert events.kinds == [RoomEvent.JOINED, RoomEvent.TRACKS]

    in_both_rooms(body)


def test_participant_that_closes_its_link_gets_no_event(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_publishing(rooms, "here", "there")
        events, back_events = EventLog(here), EventLog(there)
        await there.aclose()
        await events.wait_for(RoomEvent.LEFT)
        assert [
            participant.left_for_good for participant in events.participants_of(RoomEvent.LEFT)
        ] == [True]
        assert back_events.events == []
        assert there.remote_participants() == {} or not there.connected
        with pytest.raises(RoomError):
            await there.publish_audio(FORMAT, name="more")

    in_both_rooms(body)


def test_others_get_a_leave_and_a_join_event_for_a_reconnect(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there, _ = await join_publishing(rooms, "here", "there", "other")
        events, back_events = EventLog(here), EventLog(there)
        seen: list[bool] = []
        here.watch(lambda event, _: seen.append("there" in here.remote_participants()))
        await rooms.reconnect(there)
        await events.wait_for(RoomEvent.LEFT)
        await events.wait_for(RoomEvent.JOINED)
        await back_events.wait_for(RoomEvent.RECONNECTED)
        left = events.kinds.index(RoomEvent.LEFT)
        assert seen[left] is False
        assert "there" in here.remote_participants()
        assert {participant.identity for participant in events.participants_of(RoomEvent.LEFT)} == {
            "there"
        }
        assert {
            participant.identity for participant in back_events.participants_of(RoomEvent.LEFT)
        } == {"here", "other"}
        assert not any(
            participant.left_for_good for participant in back_events.participants_of(RoomEvent.LEFT)
        )

    in_both_rooms(body)


@pytest.mark.livekit
def test_server_assigns_a_new_sid_after_a_reconnect(server: DevServer) -> None:
    """A room in memory does so only on request."""

    async def body(rooms: Rooms) -> None:
        here, there = await join_publishing(rooms, "here", "there")
        events, sid = EventLog(here), here.remote_participants()["there"].sid
        await rooms.reconnect(there)
        await events.wait_for(RoomEvent.JOINED)
        assert here.remote_participants()["there"].sid != sid

    on_the_server(body, server)


def test_message_to_an_absent_participant_is_lost_without_an_error(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there, other = await join_publishing(rooms, "here", "there", "other")
        got: list[bytes] = []
        there.on_data("topic", lambda _, payload: got.append(payload))
        later: asyncio.Queue[bytes] = asyncio.Queue()
        other.on_data("topic", lambda _, payload: later.put_nowait(payload))
        writer = await here.open_stream("topic", to=["there"], attributes={})
        events = EventLog(here)
        await there.aclose()
        await events.wait_for(RoomEvent.LEFT)
        await here.send("topic", b"x", to=["there"])
        await writer.write(b"x")
        await writer.aclose()
        await here.send("topic", b"y", to=["other"])
        assert await later.get() == b"y"
        assert got == []

    in_both_rooms(body)
