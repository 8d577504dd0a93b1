"""The byte stream: one for each take, to the avatar alone, and it waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.byte_stream import SUBSCRIBED_S, ByteStreamSink
from avatar_core.testing.clock import now
from avatar_core.testing.link_spy import MONO, Readings, Tap, context
from avatar_core.testing.room.room import UNANNOUNCED_S, MemoryRoom

pytestmark = pytest.mark.virtual_time


class Stream:
    """A sink towards `avatar`, and what gets there."""

    def __init__(self, **capabilities: Any) -> None:
        self.room = MemoryRoom()
        self.avatar = self.room.join("avatar")
        self.agent = self.room.join("agent")
        self.tap = Tap(self.agent)
        self.readings = Readings(self.avatar, wire.AUDIO_STREAM)
        self.clears: list[tuple[float, str]] = []
        self.sink = ByteStreamSink(context(self.agent, **capabilities))
        self.take = Take(1, MONO)
        self.avatar.on_data(
            wire.CLEAR_TOPIC, lambda _, payload: self.clears.append((now(), payload.decode()))
        )
        self.avatar.serve(wire.CLEAR_BUFFER, self._clear)

    def _clear(self, _: str, __: str) -> str:
        self.clears.append((now(), "rpc"))
        return wire.OK

    def sent(self) -> list[str]:
        return [sent.kind for sent in self.tap.sent]


async def test_a_take_is_one_stream_to_the_avatar_alone() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(b"ab" * 10_000)
    await stream.sink.push(b"cd")
    await stream.sink.end(stream.take)
    await asyncio.sleep(0.1)
    (reading,) = stream.readings.all
    assert reading.attributes == {
        "sample_rate": "24000",
        "num_channels": "1",
        wire.TAKE_ATTRIBUTE: stream.take.id,
    }
    assert b"".join(reading.chunks) == b"ab" * 10_000 + b"cd"
    assert max(map(len, reading.chunks)) <= 15_000
    assert reading.complete
    assert {sent.to for sent in stream.tap.sent} == {"avatar"}


async def test_a_cut_clears_first_and_names_its_take() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    await stream.sink.cut(stream.take)
    assert stream.sent()[-3:] == ["data", "rpc", "close"]
    await asyncio.sleep(0.1)
    assert [what for _, what in stream.clears] == [stream.take.id, "rpc"]
    assert stream.readings.all[0].complete
    await stream.sink.push(bytes(960))  # a straggler goes nowhere
    await asyncio.sleep(0.1)
    assert stream.sent()[-1] == "close"
    assert stream.readings.all[0].chunks == [bytes(960)]


@pytest.mark.parametrize(
    "kinds",
    [{"rpc"}, {"data"}, {"close"}, {"rpc", "data", "close"}],
    ids=lambda kinds: "+".join(sorted(kinds)),
)
@pytest.mark.parametrize("fault", ["hang", "refuse", "lossy"])
async def test_a_cut_costs_at_most_its_deadline(kinds: set[str], fault: str) -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    setattr(stream.tap, fault, kinds)
    began = now()
    await stream.sink.cut(stream.take)
    assert now() - began <= 0.4 + 1e-6
    assert {"data", "rpc", "close"} <= set(stream.sent()), "what fails keeps nothing else back"
    await asyncio.sleep(0.1)
    named = {"data": stream.take.id, "rpc": "rpc"}
    arrived = [what for _, what in stream.clears]
    assert arrived == [named[kind] for kind in named if kind not in kinds]
    assert stream.readings.all[0].complete == ("close" not in kinds)
    stream.readings.close()


async def test_a_take_ended_by_its_worker_closes_its_stream() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    stream.take.report(state=TakeState.DONE)
    await stream.sink.begin(Take(1, MONO))
    await asyncio.sleep(0.1)
    assert [reading.complete for reading in stream.readings.all] == [True, False]
    stream.readings.close()


@pytest.mark.parametrize("call", ["begin", "push", "end"])
async def test_a_room_that_refuses_is_an_error(call: str) -> None:
    stream = Stream()
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "begin": lambda: stream.sink.begin(stream.take),
        "push": lambda: stream.sink.push(bytes(960)),
        "end": lambda: stream.sink.end(stream.take),
    }
    if call != "begin":
        await stream.sink.begin(stream.take)
    stream.tap.refuse.add({"begin": "open", "push": "write", "end": "close"}[call])
    with pytest.raises(RoomError):
        await calls[call]()
    stream.readings.close()


async def test_closing_is_quick_and_quiet() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    stream.tap.hang.add("close")
    began = now()
    await stream.sink.aclose()
    await stream.sink.aclose()
    assert now() - began <= 0.4 + 1e-6
    stream.readings.close()


@pytest.mark.parametrize("ready_on", ["join", "audio", "video"])
async def test_open_waits_for_what_shows_that_it_is_ready(ready_on: str) -> None:
    stream = Stream(ready_on=ready_on)
    stream.room.remove("avatar")
    opening = asyncio.create_task(stream.sink.open())
    await asyncio.sleep(1.0)
    assert not opening.done()
    avatar = stream.room.join("avatar")
    signs: dict[str, Callable[[], Awaitable[object]]] = {
        "join": lambda: asyncio.sleep(UNANNOUNCED_S),
        "audio": lambda: avatar.publish_audio(MONO, name="a"),
        "video": lambda: avatar.publish_video(2, 2, 25, name="v"),
    }
    for kind, show in signs.items():
        assert not opening.done()
        await show()
        if kind == ready_on:
            break
        await asyncio.sleep(1.0)
    shown_at = now()
    await opening
    assert now() - shown_at == pytest.approx(SUBSCRIBED_S, abs=0.01)
    assert stream.agent.subscriptions == set()
