"""A room link behaves equally in a room in memory and on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.tracks import QUEUE_S
from tests.room_link.rooms import FORMAT, Body, EventLog, Rooms, join_pair

FRAME = b"\1\0" * 480


def test_participants_have_sids_attributes_and_kinds(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        blue = here.remote_participants()["there"]
        agent = there.remote_participants()["here"]
        assert (blue.identity, blue.attributes["colour"], blue.is_agent) == ("there", "blue", False)
        assert agent.is_agent
        assert blue.sid.startswith("PA_")
        assert blue.sid != agent.sid
        assert there.attributes == {"colour": "blue"}
        assert (here.identity, here.connected) == ("here", True)
        assert here.room_name == there.room_name

    in_both_rooms(body)


def test_new_participant_sees_earlier_participants_at_once(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        await rooms.join("early")
        late = await rooms.join("late")
        assert "early" in late.remote_participants()

    in_both_rooms(body)


def test_participant_without_tracks_appears_within_seconds(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here = await rooms.join("here")
        events = EventLog(here)
        await rooms.join("quiet")
        await events.wait_for_participant("quiet")

    in_both_rooms(body)


def test_participant_that_rejoins_has_a_new_sid(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        events = EventLog(here)
        before = here.remote_participants()["there"]
        await there.aclose()
        await events.wait_for(RoomEvent.LEFT)
        assert "there" not in here.remote_participants()
        assert not there.connected
        again = await rooms.join("there")
        await again.publish_audio(FORMAT, name="voice")
        assert (await events.wait_for_participant("there")).sid != before.sid

    in_both_rooms(body)


def test_removed_participant_is_disconnected(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        events, back_events = EventLog(here), EventLog(there)
        await rooms.remove("there")
        await back_events.wait_for(RoomEvent.DISCONNECTED)
        await events.wait_for(RoomEvent.LEFT)
        assert [
            participant.left_for_good for participant in events.participants_of(RoomEvent.LEFT)
        ] == [True]
        with pytest.raises(RoomError):
            await there.send("topic", b"x", to=["here"])
        with pytest.raises(RoomError):
            await there.open_stream("topic", to=["here"], attributes={})

    in_both_rooms(body)


def test_unpublished_track_disappears_for_other_participants(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        events = EventLog(here)
        video = await there.publish_video(64, 64, 25, name="face")
        await events.wait_for_participant("there", "audio", "video")
        await video.unpublish()
        await events.wait_until(lambda: "video" not in here.remote_participants()["there"].tracks)
        await video.unpublish()

    in_both_rooms(body)


def test_rpc_returns_the_response_of_the_handler(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)

        async def later(caller: str, payload: str) -> str:
            await asyncio.sleep(0.01)
            return f"{caller} {payload}"

        there.serve("now", lambda caller, payload: f"{caller}:{payload}")
        there.serve("later", later)
        assert await here.call("there", "now", "x", timeout_s=5) == "here:x"
        assert await here.call("there", "later", "y", timeout_s=5) == "here y"

    in_both_rooms(body)


@pytest.mark.parametrize(
    ("method", "code"), [("unknown", 1400), ("broken", 1500), ("removed", 1400)]
)
def test_failed_rpc_raises_room_error_with_its_code(
    in_both_rooms: Callable[[Body], None], method: str, code: int
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)

        def broken(_: str, __: str) -> str:
            raise KeyError("inside")

        there.serve("broken", broken)
        there.serve("removed", lambda _, __: "")()
        with pytest.raises(RoomError) as failure:
            await here.call("there", method, "", timeout_s=5)
        assert failure.value.rpc_code == code
        assert "inside" not in str(failure.value)

    in_both_rooms(body)


def test_rpc_to_an_absent_participant_fails_at_its_timeout(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, _ = await join_pair(rooms)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(RoomError) as failure:
            await here.call("nobody", "method", "", timeout_s=0.4)
        assert loop.time() - began == pytest.approx(0.4, abs=0.3)
        assert failure.value.rpc_code is None

    in_both_rooms(body)


@pytest.mark.parametrize("reliable", [False, True])
def test_data_packet_reaches_only_its_receivers(
    in_both_rooms: Callable[[Body], None], reliable: bool
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        other = await rooms.join("other")
        got: asyncio.Queue[Any] = asyncio.Queue()
        there.on_data("topic", lambda sender, payload: got.put_nowait((sender, payload)))
        other.on_data("topic", lambda sender, payload: got.put_nowait(("wrong", payload)))
        await here.send("other topic", b"no", to=["there"], reliable=reliable)
        await here.send("topic", b"\x00yes", to=["there"], reliable=reliable)
        assert await got.get() == ("here", b"\x00yes")
        assert got.empty()

    in_both_rooms(body)


def test_router_calls_the_handler_of_each_caller(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        other = await rooms.join("other")
        await EventLog(there).wait_for_participant("here")
        unsubscribe = there.router.rpc("ask", "here", lambda *_: "for here")
        unsubscribe_other = there.router.rpc("ask", "other", lambda *_: "for other")
        assert await here.call("there", "ask", "", timeout_s=5) == "for here"
        assert await other.call("there", "ask", "", timeout_s=5) == "for other"
        unsubscribe()
        unsubscribe()
        assert await here.call("there", "ask", "", timeout_s=5) == "reject"
        assert await other.call("there", "ask", "", timeout_s=5) == "for other"
        unsubscribe_other()
        with pytest.raises(RoomError) as failure:
            await other.call("there", "ask", "", timeout_s=5)
        assert failure.value.rpc_code == 1400

    in_both_rooms(body)


def test_audio_queue_plays_in_real_time_and_can_be_cleared(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, _ = await join_pair(rooms)
        audio = await here.publish_audio(FORMAT, name="more")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            await audio.capture(FRAME)
        assert 0.1 <= loop.time() - began + audio.queued_s <= 0.35
        assert 0 < audio.queued_s <= QUEUE_S + 0.01
        audio.clear()
        assert audio.queued_s == 0
        await audio.unpublish()
        await audio.unpublish()

    in_both_rooms(body)
