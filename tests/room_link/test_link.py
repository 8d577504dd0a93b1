"""One behaviour for both links: what the real server does decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import QUEUE_S, RoomEvent
from tests.room_link.rooms import FORMAT, Body, Rooms, Watch, two

FRAME = b"\1\0" * 480


def test_peers_have_sids_attributes_kinds_and_tracks(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        blue = here.remote_participants()["there"]
        agent = there.remote_participants()["here"]
        assert (blue.identity, blue.attributes["colour"], blue.is_agent) == ("there", "blue", False)
        assert agent.is_agent
        assert blue.sid.startswith("PA_")
        assert blue.sid != agent.sid
        assert there.attributes == {"colour": "blue"}
        assert (here.identity, here.connected) == ("here", True)
        assert here.room_name == there.room_name

    both(body)


def test_who_was_there_is_seen_at_once(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        await rooms.join("early")
        late = await rooms.join("late")
        assert "early" in late.remote_participants()

    both(body)


def test_who_publishes_nothing_is_seen_within_seconds(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here = await rooms.join("here")
        watch = Watch(here)
        await rooms.join("quiet")
        await watch.sees("quiet")

    both(body)


def test_who_leaves_is_gone_and_may_come_back_as_somebody_new(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        watch = Watch(here)
        former = here.remote_participants()["there"]
        await there.aclose()
        await watch.until(lambda: bool(watch.told(RoomEvent.LEFT)))
        assert "there" not in here.remote_participants()
        assert not there.connected
        again = await rooms.join("there")
        await again.publish_audio(FORMAT, name="voice")
        assert (await watch.sees("there")).sid != former.sid

    both(body)


def test_who_is_removed_is_told_and_can_do_nothing_more(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        watch, back = Watch(here), Watch(there)
        await rooms.kick("there")
        await back.until(lambda: bool(back.told(RoomEvent.DISCONNECTED)))
        await watch.until(lambda: bool(watch.told(RoomEvent.LEFT)))
        assert [
            participant.left_for_good for participant in watch.told(RoomEvent.LEFT) if participant
        ] == [True]
        with pytest.raises(RoomError):
            await there.send("topic", b"x", to=["here"])
        with pytest.raises(RoomError):
            await there.open_stream("topic", to=["here"], attributes={})

    both(body)


def test_tracks_come_and_go(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        watch = Watch(here)
        video = await there.publish_video(64, 64, 25, name="face")
        await watch.sees("there", "audio", "video")
        await video.unpublish()
        await watch.until(lambda: "video" not in here.remote_participants()["there"].tracks)
        await video.unpublish()

    both(body)


def test_a_call_is_answered(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)

        async def later(caller: str, payload: str) -> str:
            await asyncio.sleep(0.01)
            return f"{caller} {payload}"

        there.serve("now", lambda caller, payload: f"{caller}:{payload}")
        there.serve("later", later)
        assert await here.call("there", "now", "x", timeout_s=5) == "here:x"
        assert await here.call("there", "later", "y", timeout_s=5) == "here y"

    both(body)


@pytest.mark.parametrize(("method", "code"), [("unknown", 1400), ("broken", 1500), ("gone", 1400)])
def test_a_call_that_fails_says_how(both: Callable[[Body], None], method: str, code: int) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)

        def broken(_: str, __: str) -> str:
            raise KeyError("inside")

        there.serve("broken", broken)
        there.serve("gone", lambda _, __: "")()
        with pytest.raises(RoomError) as failure:
            await here.call("there", method, "", timeout_s=5)
        assert failure.value.rpc_code == code
        assert "inside" not in str(failure.value)

    both(body)


def test_a_call_to_nobody_costs_what_the_caller_allows(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, _ = await two(rooms)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(RoomError) as failure:
            await here.call("nobody", "method", "", timeout_s=0.4)
        assert loop.time() - began == pytest.approx(0.4, abs=0.3)
        assert failure.value.rpc_code is None

    both(body)


@pytest.mark.parametrize("reliable", [False, True])
def test_data_reaches_whom_it_names(both: Callable[[Body], None], reliable: bool) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        other = await rooms.join("other")
        got: asyncio.Queue[Any] = asyncio.Queue()
        there.on_data("topic", lambda sender, payload: got.put_nowait((sender, payload)))
        other.on_data("topic", lambda sender, payload: got.put_nowait(("wrong", payload)))
        await here.send("other topic", b"no", to=["there"], reliable=reliable)
        await here.send("topic", b"\x00yes", to=["there"], reliable=reliable)
        assert await got.get() == ("here", b"\x00yes")
        assert got.empty()

    both(body)


def test_the_dispatcher_keeps_callers_apart(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        other = await rooms.join("other")
        await Watch(there).sees("here")
        leave = there.router.rpc("ask", "here", lambda *_: "for here")
        leave_other = there.router.rpc("ask", "other", lambda *_: "for other")
        assert await here.call("there", "ask", "", timeout_s=5) == "for here"
        assert await other.call("there", "ask", "", timeout_s=5) == "for other"
        leave()
        leave()
        assert await here.call("there", "ask", "", timeout_s=5) == "reject"
        assert await other.call("there", "ask", "", timeout_s=5) == "for other"
        leave_other()
        with pytest.raises(RoomError) as failure:
            await other.call("there", "ask", "", timeout_s=5)
        assert failure.value.rpc_code == 1400

    both(body)


def test_a_queue_plays_in_real_time_and_can_be_dropped(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, _ = await two(rooms)
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

    both(body)
