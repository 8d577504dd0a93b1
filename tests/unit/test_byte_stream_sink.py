"""The byte-stream sink: a stream for each take, to the avatar alone, with bounded waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.playback.readiness import SUBSCRIBED_S
from avatar_core.testing.clock import now
from avatar_core.testing.link_spy import MONO, LinkSpy, StreamLog, sink_context
from avatar_core.testing.room.room import UNANNOUNCED_S, MemoryRoom

pytestmark = pytest.mark.virtual_time


class StreamHarness:
    """A sink whose receiver is the participant `avatar`, and the messages that arrive there."""

    def __init__(self, **capabilities: Any) -> None:
        self.room = MemoryRoom()
        self.avatar = self.room.join("avatar")
        self.agent = self.room.join("agent")
        self.spy = LinkSpy(self.agent)
        self.received = StreamLog(self.avatar, wire.AUDIO_STREAM)
        self.clears: list[tuple[float, str]] = []
        self.sink = ByteStreamSink(sink_context(self.agent, **capabilities))
        self.take = Take(1, MONO)
        self.avatar.on_data(
            wire.CLEAR_TOPIC, lambda _, payload: self.clears.append((now(), payload.decode()))
        )
        self.avatar.serve(wire.CLEAR_BUFFER, self._clear)

    def _clear(self, _: str, __: str) -> str:
        self.clears.append((now(), "rpc"))
        return wire.OK

    def sent(self) -> list[str]:
        return [sent.kind for sent in self.spy.sent]


async def test_take_is_sent_as_one_stream_to_the_avatar_only() -> None:
    harness = StreamHarness()
    await harness.sink.begin(harness.take)
    await harness.sink.push(b"ab" * 10_000)
    await harness.sink.push(b"cd")
    await harness.sink.end(harness.take)
    await asyncio.sleep(0.1)
    (received,) = harness.received.streams
    assert received.attributes == {
        "sample_rate": "24000",
        "num_channels": "1",
        wire.TAKE_ATTRIBUTE: harness.take.id,
    }
    assert b"".join(received.chunks) == b"ab" * 10_000 + b"cd"
    assert max(map(len, received.chunks)) <= 15_000
    assert received.complete
    assert {sent.to for sent in harness.spy.sent} == {"avatar"}


async def test_cut_sends_the_take_id_and_then_closes_the_stream() -> None:
    harness = StreamHarness()
    await harness.sink.begin(harness.take)
    await harness.sink.push(bytes(960))
    await harness.sink.cut(harness.take)
    assert harness.sent()[-3:] == ["data", "rpc", "close"]
    await asyncio.sleep(0.1)
    assert [message for _, message in harness.clears] == [harness.take.id, "rpc"]
    assert harness.received.streams[0].complete
    await harness.sink.push(bytes(960))  # audio of a take that was cut is dropped
    await asyncio.sleep(0.1)
    assert harness.sent()[-1] == "close"
    assert harness.received.streams[0].chunks == [bytes(960)]


@pytest.mark.parametrize(
    "kinds",
    [{"rpc"}, {"data"}, {"close"}, {"rpc", "data", "close"}],
    ids=lambda kinds: "+".join(sorted(kinds)),
)
@pytest.mark.parametrize("fault", ["hang", "refuse", "lossy"])
async def test_cut_ends_at_its_deadline_and_sends_the_other_messages(
    kinds: set[str], fault: str
) -> None:
    harness = StreamHarness()
    await harness.sink.begin(harness.take)
    await harness.sink.push(bytes(960))
    setattr(harness.spy, fault, kinds)
    began = now()
    await harness.sink.cut(harness.take)
    assert now() - began <= 0.4 + 1e-6
    assert {"data", "rpc", "close"} <= set(harness.sent()), "an error kept a message back"
    await asyncio.sleep(0.1)
    named = {"data": harness.take.id, "rpc": "rpc"}
    arrived = [message for _, message in harness.clears]
    assert arrived == [named[kind] for kind in named if kind not in kinds]
    assert harness.received.streams[0].complete == ("close" not in kinds)
    harness.received.close()


async def test_begin_closes_the_stream_of_a_finished_take() -> None:
    harness = StreamHarness()
    await harness.sink.begin(harness.take)
    await harness.sink.push(bytes(960))
    harness.take.report(state=TakeState.DONE)
    await harness.sink.begin(Take(1, MONO))
    await asyncio.sleep(0.1)
    assert [received.complete for received in harness.received.streams] == [True, False]
    harness.received.close()


@pytest.mark.parametrize("call", ["begin", "push", "end"])
async def test_failed_stream_call_raises_room_error(call: str) -> None:
    harness = StreamHarness()
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "begin": lambda: harness.sink.begin(harness.take),
        "push": lambda: harness.sink.push(bytes(960)),
        "end": lambda: harness.sink.end(harness.take),
    }
    if call != "begin":
        await harness.sink.begin(harness.take)
    harness.spy.refuse.add({"begin": "open", "push": "write", "end": "close"}[call])
    with pytest.raises(RoomError):
        await calls[call]()
    harness.received.close()


async def test_aclose_ends_within_its_deadline_and_never_raises() -> None:
    harness = StreamHarness()
    await harness.sink.begin(harness.take)
    harness.spy.hang.add("close")
    began = now()
    await harness.sink.aclose()
    await harness.sink.aclose()
    assert now() - began <= 0.4 + 1e-6
    harness.received.close()


@pytest.mark.parametrize("ready_on", ["join", "audio", "video"])
async def test_open_waits_for_the_event_that_ready_on_names(ready_on: str) -> None:
    harness = StreamHarness(ready_on=ready_on)
    harness.room.remove("avatar")
    opening = asyncio.create_task(harness.sink.open())
    await asyncio.sleep(1.0)
    assert not opening.done()
    avatar = harness.room.join("avatar")
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
    assert harness.agent.subscriptions == set()
