"""The roads of core: the voice is exact, and a byte stream waits for nobody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_room import FakeLink, FakeReader, FakeRoom, context
from fakes import Recorder, speech
from virtual import Timeline, now, virtual

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import PLAYOUT_TAIL_S
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.engine.player import Player
from avatar_core.engine.road import Road
from avatar_core.sinks.bytestream import ByteStreamSink
from avatar_core.sinks.voice import QUEUED_S, SUBSCRIBED_S, VOICE_FORMAT, VoiceSink
from avatar_core.trackers.clock import ClockTracker

pytestmark = virtual
MONO = AudioFormat(24_000)


class Voice:
    """A player that speaks by voice alone."""

    def __init__(self) -> None:
        self.link = FakeRoom().join("agent")
        self.sink = VoiceSink(self.link)
        self.timeline = Timeline()
        self.ear = Recorder(self.timeline)
        self.player = Player(self.ear)
        tracker = ClockTracker(
            self.sink.played_s, cut=self.sink.was_cut, source="exact", tail_s=PLAYOUT_TAIL_S
        )
        self.road = Road(
            provider="voice", sink=self.sink, tracker=tracker, format=VOICE_FORMAT, run_ahead_s=0.2
        )
        self.player.use(self)

    async def at_start(self) -> Road:
        await self.sink.open()
        return self.road

    async def after_loss(self) -> Road:
        return self.road

    async def aclose(self) -> None:
        await self.player.aclose()
        await self.road.tracker.aclose()

    def say(self, duration_s: float) -> bytes:
        pcm = speech(duration_s, VOICE_FORMAT)
        self.player.push(pcm, VOICE_FORMAT)
        self.player.end()
        return pcm

    @property
    def heard(self) -> bytes:
        return self.link.audio[0].pcm()

    @property
    def heard_s(self) -> float:
        return VOICE_FORMAT.duration_s(len(self.heard))


async def test_the_voice_says_everything_in_real_time() -> None:
    voice = Voice()
    pcm = voice.say(1.234)
    await voice.ear.until(1)
    assert voice.heard[: len(pcm)] == pcm
    assert not any(voice.heard[len(pcm) :])
    assert now() == pytest.approx(1.234 + PLAYOUT_TAIL_S, abs=0.05)
    runs = voice.link.audio[0].runs
    assert runs[-1][0] - runs[0][0] == pytest.approx(1.23, abs=0.001), "no gap in between"
    assert voice.ear.position_s[1] == pytest.approx(1.234)
    await voice.aclose()


async def test_the_voice_keeps_its_queue_short() -> None:
    voice = Voice()
    voice.say(1.0)
    for _ in range(90):
        await asyncio.sleep(0.0101)
        assert voice.link.audio[0].queued_s <= QUEUED_S + 1e-6
    await voice.ear.until(1)
    await voice.aclose()


@pytest.mark.parametrize("seed", range(12))
async def test_the_position_of_a_cut_is_what_left_the_queue(seed: int) -> None:
    voice = Voice()
    voice.say(2.0)
    await asyncio.sleep(random.Random(seed).uniform(0.0, 2.1))
    heard_s = voice.heard_s
    voice.player.clear()
    await voice.ear.until(1)
    assert voice.ear.position_s[1] == pytest.approx(min(heard_s, 2.0), abs=0.01)
    await asyncio.sleep(1.0)
    assert voice.heard_s == pytest.approx(heard_s, abs=0.0101), "the frame in flight at most"
    await voice.aclose()


async def test_pauses_of_the_voice_lose_no_sample() -> None:
    voice = Voice()
    pcm = voice.say(2.0)
    for gap_s in (0.0, 0.123, 0.2345, 0.017, 0.3):
        await asyncio.sleep(gap_s)
        voice.player.pause()
        await asyncio.sleep(0.05)
        voice.player.resume()
    await voice.ear.until(1)
    assert len(voice.heard) == pytest.approx(len(pcm), abs=VOICE_FORMAT.size(0.011))
    torn = [take.position_s for take in voice.ear.takes]
    assert sum(torn) == pytest.approx(2.0, abs=1e-3)
    assert {take.state for take in voice.ear.takes} == {TakeState.CUT, TakeState.DONE}
    voice.timeline.check()
    await voice.aclose()


async def test_positions_while_the_voice_speaks() -> None:
    voice = Voice()
    voice.say(2.0)
    await asyncio.sleep(0.1)
    while (take := voice.player.take) is not None and voice.heard_s < 1.9:
        assert voice.heard_s - 0.031 <= take.position_s <= voice.heard_s + 0.001
        await asyncio.sleep(0.037)
    await voice.ear.until(1)
    await voice.aclose()


async def test_the_voice_waits_shortly_for_somebody_to_listen() -> None:
    voice = Voice()
    publish = voice.link.publish_audio

    async def unheard(*args: Any, **more: Any) -> Any:
        out = await publish(*args, **more)
        out.subscribed.clear()
        return out

    voice.link.publish_audio = unheard  # type: ignore[method-assign]
    voice.say(0.5)
    await voice.ear.until(1)
    assert voice.link.audio[0].runs[0][0] == pytest.approx(SUBSCRIBED_S, abs=0.03)
    await voice.aclose()


async def test_a_room_that_takes_no_track_is_an_error() -> None:
    voice = Voice()
    voice.link.faults.hang.add("audio")
    voice.say(1.0)
    async with asyncio.timeout(5.1):
        await voice.ear.until(1)
    assert voice.ear.interrupted[1]
    assert len(voice.ear.errors) == 1
    voice.link.faults.hang.clear()
    voice.say(0.5)
    await voice.ear.until(2)
    assert voice.ear.position_s[2] == pytest.approx(0.5)
    await voice.aclose()


async def test_a_closed_voice_is_unpublished_once() -> None:
    voice = Voice()
    voice.say(1.0)
    await asyncio.sleep(0.3)
    await voice.sink.aclose()
    await voice.sink.aclose()
    assert voice.link.audio[0].removed
    await voice.player.aclose()
    await voice.aclose()


# The byte stream.


class Stream:
    def __init__(self, **capabilities: Any) -> None:
        self.room = FakeRoom()
        self.agent: FakeLink = self.room.join("agent")
        self.worker = self.room.join("avatar")
        self.received: list[FakeReader] = []
        self.clears: list[tuple[float, str]] = []
        self.sink = ByteStreamSink(context(self.agent, **capabilities))
        self.take = Take(1, MONO)
        self.worker.on_stream(wire.AUDIO_STREAM, self._receive)
        self.worker.on_data(
            wire.CLEAR_TOPIC, lambda _, payload: self.clears.append((now(), payload.decode()))
        )
        self.worker.serve(wire.CLEAR_BUFFER, self._clear)

    def _receive(self, _: str, reader: Any) -> None:
        self.received.append(reader)

    def _clear(self, _: str, __: str) -> str:
        self.clears.append((now(), "rpc"))
        return wire.OK

    def sent(self) -> list[str]:
        return [sent.kind for sent in self.agent.sent]


async def test_a_take_is_one_stream_to_the_avatar_alone() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(b"ab" * 10_000)
    await stream.sink.push(b"cd")
    await stream.sink.end(stream.take)
    await asyncio.sleep(0.1)
    (reader,) = stream.received
    assert reader.attributes == {
        "sample_rate": "24000",
        "num_channels": "1",
        wire.TAKE_ATTRIBUTE: stream.take.id,
    }
    *chunks, end = reader.items
    assert b"".join(map(bytes, chunks)) == b"ab" * 10_000 + b"cd"  # type: ignore[arg-type]
    assert max(len(bytes(chunk)) for chunk in chunks) <= 15_000  # type: ignore[arg-type]
    assert end is None
    assert {sent.to for sent in stream.agent.sent} == {"avatar"}


async def test_a_cut_clears_first_and_names_its_take() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    await stream.sink.cut(stream.take)
    assert stream.sent()[-3:] == ["data", "rpc", "close"]
    await asyncio.sleep(0.1)
    assert [what for _, what in stream.clears] == [stream.take.id, "rpc"]
    assert stream.received[0].items[-1] is None
    await stream.sink.push(bytes(960))  # a straggler goes nowhere
    await asyncio.sleep(0.1)
    assert stream.received[0].items[-1] is None


@pytest.mark.parametrize(
    "kinds", [{"rpc"}, {"data"}, {"close"}, {"rpc", "data", "close"}], ids="+".join
)
@pytest.mark.parametrize("fault", ["hang", "refuse", "lossy"])
async def test_a_cut_costs_at_most_its_deadline(kinds: set[str], fault: str) -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    lost = {"rpc": wire.CLEAR_BUFFER, "data": wire.CLEAR_TOPIC, "close": ""}
    broken = {lost[kind] for kind in kinds} if fault == "lossy" else kinds
    setattr(stream.agent.faults, fault, broken)
    began = now()
    await stream.sink.cut(stream.take)
    assert now() - began <= 0.4 + 1e-6


async def test_a_take_ended_by_its_worker_closes_its_stream() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    await stream.sink.push(bytes(960))
    stream.take.report(state=TakeState.DONE)
    await stream.sink.begin(Take(1, MONO))
    await asyncio.sleep(0.1)
    assert stream.received[0].items[-1] is None


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
    stream.agent.faults.refuse.add({"begin": "open", "push": "write", "end": "close"}[call])
    with pytest.raises(RoomError):
        await calls[call]()


async def test_closing_is_quick_and_quiet() -> None:
    stream = Stream()
    await stream.sink.begin(stream.take)
    stream.agent.faults.hang.add("close")
    began = now()
    await stream.sink.aclose()
    await stream.sink.aclose()
    assert now() - began <= 0.4 + 1e-6


@pytest.mark.parametrize("ready_on", ["join", "audio", "video"])
async def test_open_waits_for_what_shows_that_it_is_ready(ready_on: str) -> None:
    stream = Stream(ready_on=ready_on)
    stream.room.leave("avatar")
    opening = asyncio.create_task(stream.sink.open())
    await asyncio.sleep(1.0)
    assert not opening.done()
    stream.room.back(stream.worker)
    for kind, publish in [
        ("join", None),
        ("audio", lambda: stream.worker.publish_audio(MONO, name="a")),
        ("video", lambda: stream.worker.publish_video(2, 2, 25, name="v")),
    ]:
        if publish is not None:
            await publish()
        await asyncio.sleep(0.01)
        if kind == ready_on:
            break
        assert not opening.done()
    assert opening.done()
    assert stream.agent.watched == 0
