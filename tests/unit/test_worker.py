"""AvatarWorker over a room in memory: what it plays, what it tells, and what it survives."""

from __future__ import annotations

import asyncio
import inspect
import json
import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from fake_room import FakeLink, FakeReader, FakeRoom
from fakes import speech
from virtual import now, virtual

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, WorkerError
from avatar_core.contracts.link import Change
from avatar_core.contracts.renderer import Picture, Renderer
from avatar_core.contracts.wire import Report
from avatar_core.worker.studio import HUNG_S, Inline
from avatar_core.worker.worker import AvatarWorker

pytestmark = virtual
RATE = AudioFormat(24_000)
IDLE, TALK = Picture(2, 2, bytes(16)), Picture(2, 2, bytes(range(16)))


class Pictures(Renderer):
    """Says what it is told to, once for each chunk."""

    width, height, fps, audio = 2, 2, 25.0, RATE

    def __init__(self) -> None:
        self.answer: Any = (TALK,)
        self.sizes: list[int] = []
        self.lasts = self.resets = self.closed = 0

    def render(self, chunk: bytes, last: bool) -> Sequence[Picture]:
        self.sizes.append(len(chunk))
        self.lasts += last
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return self.answer(chunk)  # type: ignore[no-any-return]
        return self.answer  # type: ignore[no-any-return]

    def idle(self) -> Picture:
        return IDLE

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


class SlowHand(Inline):
    """Draws on the loop, and takes its time over it."""

    each_s = 0.0

    async def __call__(self, work: Callable[[], Any], /) -> Any:
        await asyncio.sleep(self.each_s)
        return work()


class Stage:
    """A room with an agent, and the worker that serves it."""

    def __init__(self, *, agent: bool = True) -> None:
        self.room = FakeRoom()
        self.agent: FakeLink = self.room.join("agent")
        if not agent:
            self.room.leave("agent")
        self.link = self.room.join("avatar", attributes={wire.PUBLISH_ON_BEHALF: "agent"})
        self.renderer = Pictures()
        self.hand = SlowHand()
        self.worker = AvatarWorker(self.link, self.renderer, hand=self.hand)
        self.reports: list[tuple[float, Report]] = []
        self.turns: list[tuple[float, Report]] = []
        self.stock: list[tuple[float, str, Any]] = []
        self.listen()
        self.running = asyncio.create_task(self.worker.run())

    def listen(self) -> None:
        dispatcher = self.agent.dispatcher
        dispatcher.data(
            wire.REPORT_TOPIC,
            "avatar",
            lambda _, payload: self.reports.append((now(), Report.decode(payload))),
        )

        def turned(_: str, payload: str) -> str:
            self.turns.append((now(), Report.decode(payload)))
            return wire.OK

        def told(method: str) -> Any:
            def handler(_: str, payload: str) -> str:
                self.stock.append((now(), method, json.loads(payload) if payload else None))
                return wire.OK

            return handler

        dispatcher.rpc(wire.TAKE_RPC, "avatar", turned)
        for method in (wire.PLAYBACK_STARTED, wire.PLAYBACK_FINISHED):
            dispatcher.rpc(method, "avatar", told(method))

    async def say(self, pcm: bytes, id: str = "a", format: AudioFormat = RATE) -> Any:
        """Open a stream and send all of it."""
        attributes = wire.stream_attributes(format, id)
        if not id:
            del attributes[wire.TAKE_ATTRIBUTE]
        writer = await self.agent.open_stream(
            wire.AUDIO_STREAM, to=["avatar"], attributes=attributes
        )
        for start in range(0, len(pcm), 4800):
            await writer.write(pcm[start : start + 4800])
        return writer

    async def whole(self, duration_s: float, id: str = "a", format: AudioFormat = RATE) -> bytes:
        """Send a whole stream and wait until it has played."""
        pcm = speech(duration_s, format)
        await (await self.say(pcm, id, format)).aclose()
        await asyncio.sleep(duration_s + 0.3)
        return pcm

    async def clear(self) -> str:
        return await self.agent.call("avatar", wire.CLEAR_BUFFER, "", timeout_s=0.4)

    async def clear_take(self, id: str) -> None:
        await self.agent.send(wire.CLEAR_TOPIC, id.encode(), to=["avatar"])

    @property
    def heard(self) -> bytes:
        return self.link.audio[0].pcm()

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(report.take_id, report.state.value) for _, report in self.turns]

    async def aclose(self) -> None:
        self.worker.stop()
        await asyncio.wait_for(self.running, 5.0)
        assert self.renderer.closed == 1
        assert self.link.watched == 0
        assert self.link.handlers == set()


def staged(test: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a test a stage whose worker is ready; fixtures live outside virtual time."""

    async def within(**params: Any) -> None:
        stage = Stage()
        await stage.worker.ready.wait()
        await asyncio.sleep(0.02)
        await test(stage, **params)
        await stage.aclose()

    within.__name__ = test.__name__
    signature = inspect.signature(test)
    within.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:]
    )
    return within


@staged
async def test_a_take_is_played_whole_and_told(stage: Stage) -> None:
    pcm = await stage.whole(1.23)
    assert stage.heard == pcm
    assert stage.states == [("a", "playing"), ("a", "done")]
    assert stage.turns[-1][1].position_s == pytest.approx(1.23)
    assert stage.renderer.lasts == 1
    assert sum(stage.renderer.sizes) == len(pcm)


@staged
async def test_done_is_told_75_ms_after_the_queue_ran_empty(stage: Stage) -> None:
    await stage.whole(0.5)
    last = stage.link.audio[0].runs[-1][0] + 0.01
    assert stage.turns[-1][0] - last == pytest.approx(0.075 + 0.002, abs=0.011)


@staged
async def test_positions_are_what_left_the_queue(stage: Stage) -> None:
    await stage.say(speech(2.0))
    for _ in range(15):
        await asyncio.sleep(0.1)
        at, report = stage.reports[-1]
        began = stage.link.audio[0].runs[0][0]
        assert report.position_s == pytest.approx(at - 0.002 - began, abs=0.012)


@staged
async def test_heartbeat(stage: Stage) -> None:
    await asyncio.sleep(3.0)
    idle = len(stage.reports)
    assert idle == pytest.approx(6, abs=1)
    await stage.say(speech(2.0))
    await asyncio.sleep(2.0)
    assert len(stage.reports) - idle == pytest.approx(20, abs=3)
    sequences = [report.sequence for _, report in stage.reports]
    assert sequences == sorted(set(sequences))
    gaps = [b[0] - a[0] for a, b in pairwise(stage.reports)]
    assert max(gaps) <= 0.53


@staged
async def test_the_pulse_quickens_as_a_take_arrives(stage: Stage) -> None:
    for phase in range(5):
        await asyncio.sleep(0.5 + phase * 0.1)
        await stage.say(speech(0.03), id=f"{phase}")  # too little to be played yet
        began = now()
        await asyncio.sleep(0.15)
        assert any(at > began and report.take_id == f"{phase}" for at, report in stage.reports)
        await stage.clear()


@staged
async def test_a_clear_leaves_no_more_than_the_frame_in_flight(stage: Stage) -> None:
    for at_s in (0.0, 0.013, 0.2, 0.333, 0.5):
        before = len(stage.heard)
        await stage.say(speech(1.0), id=f"t{at_s}")
        await asyncio.sleep(at_s)
        assert await stage.clear() == wire.OK
        await asyncio.sleep(0.011)
        heard = len(stage.heard)
        await asyncio.sleep(1.5)
        assert len(stage.heard) == heard
        take, turn = stage.turns[-1][1].take_id, stage.turns[-1][1]
        assert (take, turn.state.value) == (f"t{at_s}", "cut")
        assert turn.position_s == pytest.approx(RATE.duration_s(heard - before), abs=0.01)
    assert stage.renderer.resets >= 3


@staged
async def test_a_clear_empties_everything_that_was_sent(stage: Stage) -> None:
    for id in "abc":
        await (await stage.say(speech(0.5, seed=ord(id)), id)).aclose()
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await stage.clear()
    await asyncio.sleep(2.0)
    assert {id for id, state in stage.states if state == "cut"} == {"a", "b", "c"}
    assert RATE.duration_s(len(stage.heard)) < 0.15


@staged
async def test_a_stale_clear_does_not_touch_the_next_take(stage: Stage) -> None:
    await stage.say(speech(0.5), "old")
    await asyncio.sleep(0.2)
    await stage.clear_take("old")
    await asyncio.sleep(0.05)
    before = len(stage.heard)
    task = asyncio.create_task(stage.whole(0.5, "new"))
    await asyncio.sleep(0.1)
    await stage.clear_take("old")
    pcm = await task
    assert stage.heard[before:] == pcm
    assert stage.states[-1] == ("new", "done")


@staged
async def test_a_lossy_clear_may_overtake_the_header(stage: Stage) -> None:
    await stage.clear_take("early")
    await asyncio.sleep(0.01)
    await stage.whole(0.5, "early")
    assert stage.heard == b""
    assert stage.states == [("early", "cut")]
    pcm = await stage.whole(0.5, "next")
    assert stage.heard == pcm


@staged
async def test_a_stream_that_aborts_is_cut(stage: Stage) -> None:
    writer = await stage.say(speech(2.0))
    await asyncio.sleep(0.3)
    await writer.aclose(reason="the sender died")
    await asyncio.sleep(1.0)
    assert stage.states == [("a", "playing"), ("a", "cut")]
    assert RATE.duration_s(len(stage.heard)) < 0.32


@staged
async def test_a_stream_that_never_ends_is_done_after_its_patience(stage: Stage) -> None:
    await stage.say(speech(0.5))
    await asyncio.sleep(11.0)
    assert stage.states == [("a", "playing"), ("a", "done")]


@staged
async def test_a_stranger_is_not_heard(stage: Stage) -> None:
    stranger = stage.room.join("stranger")
    writer = await stranger.open_stream(
        wire.AUDIO_STREAM, to=["avatar"], attributes=wire.stream_attributes(RATE, "x")
    )
    await writer.write(speech(0.1))
    await stage.say(speech(0.5))
    await asyncio.sleep(0.2)
    assert await stranger.call("avatar", wire.CLEAR_BUFFER, "", timeout_s=1) == wire.REJECT
    await stranger.send(wire.CLEAR_TOPIC, b"a", to=["avatar"])
    await asyncio.sleep(0.2)
    assert stage.states == [("a", "playing")]
    assert len(stage.renderer.sizes) > 5


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"sample_rate": "x", "num_channels": "1"},
        {"sample_rate": "24000"},
        {"sample_rate": "-1", "num_channels": "1"},
        {"sample_rate": "24000", "num_channels": "99"},
    ],
)
@staged
async def test_malformed_attributes_cost_their_stream(
    stage: Stage, attributes: dict[str, str]
) -> None:
    writer = await stage.agent.open_stream(wire.AUDIO_STREAM, to=["avatar"], attributes=attributes)
    await writer.write(speech(0.1))
    pcm = await stage.whole(0.3)
    assert stage.heard == pcm


@pytest.mark.parametrize("source", [AudioFormat(16_000), AudioFormat(44_100, 2)], ids=str)
@staged
async def test_any_format_is_played(stage: Stage, source: AudioFormat) -> None:
    await stage.whole(1.0, format=source)
    assert stage.turns[-1][1].position_s == pytest.approx(1.0, abs=1e-3)
    assert RATE.duration_s(len(stage.heard)) == pytest.approx(1.0, abs=0.011)


@staged
async def test_samples_torn_across_messages(stage: Stage) -> None:
    writer = await stage.say(b"")
    pcm = speech(0.5)
    for start in range(0, len(pcm), 777):
        await writer.write(pcm[start : start + 777])
    await writer.aclose()
    await asyncio.sleep(0.8)
    assert stage.heard == pcm


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("a defect"),
        (),
        None,
        [TALK] * 500,
        [Picture(2, 2, b"")],
        [None],
        [Picture(1, 1, bytes(4))],
        "pictures",
    ],
    ids=["raises", "none", "no list", "many", "a size", "no picture", "small", "text"],
)
@staged
async def test_a_renderer_costs_pictures_and_never_sound(stage: Stage, answer: Any) -> None:
    stage.renderer.answer = answer
    pcm = await stage.whole(0.5)
    assert stage.heard == pcm
    assert stage.states == [("a", "playing"), ("a", "done")]
    await asyncio.sleep(0.2)
    shown = len(stage.link.video[0].pictures)
    await asyncio.sleep(1.0)
    idle = stage.link.video[0].pictures[shown:]
    assert len(idle) == pytest.approx(25, abs=2)
    assert all(picture is IDLE for _, picture in idle), "nothing stale is shown"
    stage.renderer.answer = (TALK,)
    before = len(stage.heard)
    assert await stage.whole(0.5, "b") == stage.heard[before:]


@pytest.mark.parametrize("each_s", [0.03, 0.05, 0.06, 0.15])
@staged
async def test_a_slow_renderer_costs_pictures_and_never_sound(stage: Stage, each_s: float) -> None:
    stage.hand.each_s = each_s
    pcm = await stage.whole(2.0)
    assert stage.heard == pcm
    runs = stage.link.audio[0].runs
    assert runs[-1][0] - runs[0][0] == pytest.approx(1.99, abs=0.01), "no gap is heard"
    talking = [at for at, picture in stage.link.video[0].pictures if picture is TALK]
    assert len(talking) == pytest.approx(min(50, 2.0 / each_s), abs=2)
    await asyncio.sleep(2 * each_s)
    assert stage.states == [("a", "playing"), ("a", "done")]


@pytest.mark.parametrize("stall_s", [0.2, 0.6])
@staged
async def test_pictures_are_in_time_again_after_a_stall(stage: Stage, stall_s: float) -> None:
    """A chunk's sound is its number, and so is its picture; it is due when that is heard."""
    stage.renderer.answer = lambda chunk: [Picture(1, 1, chunk[:2] * 2)]
    await stage.say(b"".join(struct.pack("<h", chunk) * 960 for chunk in range(75)))
    await asyncio.sleep(0.5)
    stage.hand.each_s = stall_s
    await asyncio.sleep(0.05)
    stage.hand.each_s = 0.005
    await asyncio.sleep(2.3)
    began = stage.link.audio[0].runs[0][0]
    late = [
        (at, at - began - 0.02 - picture.rgba[0] * 0.04)  # 40 ms each
        for at, picture in stage.link.video[0].pictures
        if picture.width == 1
    ]
    assert max(lag for _, lag in late) == pytest.approx(stall_s, abs=0.06)
    assert all(abs(lag) < 0.04 for at, lag in late if at > began + 0.55 + stall_s + 0.05)


@staged
async def test_a_face_that_stands_still_gives_no_pulse(stage: Stage) -> None:
    stage.hand.each_s = 60.0
    await stage.say(speech(5.0))
    await asyncio.sleep(HUNG_S + 0.2)
    told = len(stage.reports)
    await asyncio.sleep(1.0)
    assert len(stage.reports) == told
    assert RATE.duration_s(len(stage.heard)) > 2.0
    stage.hand.each_s = 0.0


@staged
async def test_pictures_keep_their_pace(stage: Stage) -> None:
    await asyncio.sleep(1.0)
    await stage.whole(2.0)
    await asyncio.sleep(1.0)
    shown = stage.link.video[0].pictures
    gaps = [b[0] - a[0] for a, b in pairwise(shown)]
    assert max(gaps) < 0.085
    talking = [at for at, picture in shown if picture is TALK]
    assert len(talking) == 50
    began = stage.link.audio[0].runs[0][0]
    assert talking[0] - began == pytest.approx(0.02, abs=0.011)
    assert talking[-1] - talking[0] == pytest.approx(49 * 0.04, abs=0.021)


@staged
async def test_a_cut_shows_no_more_of_it(stage: Stage) -> None:
    await stage.say(speech(1.0))
    await asyncio.sleep(0.5)
    await stage.clear()
    at = now()
    await asyncio.sleep(0.5)
    assert all(picture is IDLE for when, picture in stage.link.video[0].pictures if when > at)


@staged
async def test_a_track_that_fails_does_not_end_the_worker(stage: Stage) -> None:
    stage.link.audio[0].error = RuntimeError("native")
    await stage.say(speech(0.3))
    await asyncio.sleep(1.0)
    stage.link.audio[0].error = None
    await stage.clear()
    before = len(stage.heard)
    pcm = await stage.whole(0.5, "b")
    assert stage.heard[before:] == pcm


# A stock agent: no take ids, every segment started and finished exactly once.


def told(stage: Stage) -> list[str]:
    return [method.removeprefix("lk.playback_") for _, method, _ in stage.stock]


@staged
async def test_a_stock_agent_is_told_once_a_segment(stage: Stage) -> None:
    for _ in range(3):
        await stage.whole(0.4, id="")
    assert told(stage) == ["started", "finished"] * 3
    assert stage.stock[-1][2] == {
        "playback_position": pytest.approx(0.4),
        "interrupted": False,
        "synchronized_transcript": None,
    }
    assert stage.turns == []


@pytest.mark.parametrize("at_s", [0.0, 0.005, 0.02, 0.3, 0.55, 0.7])
@staged
async def test_a_stock_clear_is_finished_once(stage: Stage, at_s: float) -> None:
    writer = await stage.say(speech(0.5), id="")
    if at_s > 0.5:
        await writer.aclose()
    await asyncio.sleep(at_s)
    await stage.clear()
    await stage.clear()
    await asyncio.sleep(0.1)
    await writer.aclose(reason="aborted")
    await asyncio.sleep(1.0)
    assert told(stage).count("finished") == 1
    assert told(stage)[-1] == "finished"
    assert stage.stock[-1][2]["interrupted"] is (at_s < 0.6)


@staged
async def test_a_stock_segment_cleared_before_its_first_frame(stage: Stage) -> None:
    writer = await stage.say(b"", id="")
    await asyncio.sleep(0.05)
    await stage.clear()
    await writer.aclose()
    await asyncio.sleep(0.5)
    assert told(stage) == ["finished"]
    assert stage.stock[0][2]["playback_position"] == 0.0
    pcm = await stage.whole(0.4, id="")
    assert stage.heard == pcm
    assert told(stage) == ["finished", "started", "finished"]


@staged
async def test_stock_segments_back_to_back_lose_nothing(stage: Stage) -> None:
    pieces = [speech(0.3, seed=number) for number in range(4)]
    for pcm in pieces:
        await (await stage.say(pcm, id="")).aclose()
    await asyncio.sleep(2.5)
    assert told(stage) == ["started", "finished"] * 4
    assert stage.heard == b"".join(pieces)


@staged
async def test_a_new_stream_ends_one_that_lost_its_trailer(stage: Stage) -> None:
    for rate in (24_000, 16_000):
        await stage.say(speech(0.3, AudioFormat(rate)), id="", format=AudioFormat(rate))
    await asyncio.sleep(1.5)
    assert told(stage)[:3] == ["started", "finished", "started"]


@staged
async def test_a_burst_of_streams_loses_nothing(stage: Stage) -> None:
    """The next header may be handled before a loop turn has read what came before it."""
    pieces = [speech(0.3, seed=number) for number in range(3)]
    for pcm in pieces:
        attributes = wire.stream_attributes(RATE, "")
        reader = FakeReader(attributes)
        stage.link.streams[wire.AUDIO_STREAM]("agent", reader)
        for start in range(0, len(pcm), 4800):
            reader.put(pcm[start : start + 4800])
        reader.put(None)
    await asyncio.sleep(2.0)
    assert stage.heard == b"".join(pieces)
    assert told(stage) == ["started", "finished"] * 3


# The agent, and the end.


async def test_a_token_that_names_no_agent() -> None:
    with pytest.raises(WorkerError):
        AvatarWorker(FakeRoom().join("avatar"), Pictures())


@staged
async def test_the_agent_returns_in_time(stage: Stage) -> None:
    await stage.say(speech(2.0))
    await asyncio.sleep(0.3)
    stage.room.leave("agent")
    await asyncio.sleep(0.05)
    heard = len(stage.heard)
    await asyncio.sleep(4.5)
    assert len(stage.heard) == heard, "it falls silent when its agent leaves"
    assert not stage.running.done()
    stage.room.back(stage.agent)
    await asyncio.sleep(10.0)
    pcm = await stage.whole(0.5, "again")
    assert stage.heard[heard:] == pcm


@staged
async def test_the_agent_leaves_for_good(stage: Stage) -> None:
    await stage.say(speech(2.0))
    stage.room.leave("agent")
    began = now()
    await stage.running
    assert now() - began == pytest.approx(5.0, abs=0.01)
    assert stage.link.audio[0].removed
    assert stage.link.video[0].removed


async def test_the_agent_never_comes() -> None:
    stage = Stage(agent=False)
    began = now()
    await stage.running
    assert now() - began == pytest.approx(30.0, abs=0.01)
    await stage.aclose()


@staged
async def test_the_room_goes_away(stage: Stage) -> None:
    await stage.say(speech(2.0))
    stage.link.online = False
    stage.link.changed(Change.DISCONNECTED)
    await asyncio.wait_for(stage.running, 1.0)


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_tracks_that_cannot_be_published(kind: str) -> None:
    stage = Stage()
    stage.link.faults.refuse.add(kind)
    with pytest.raises(RoomError):
        await stage.running
    assert stage.renderer.closed == 1
    assert stage.link.watched == 0
    assert stage.link.handlers == set()
    assert all(track.removed for track in stage.link.audio)


async def test_speech_before_the_tracks_are_published() -> None:
    stage = Stage()
    stage.link.faults.hang.add("audio")
    await asyncio.sleep(0.01)
    stage.running.cancel()
    await asyncio.gather(stage.running, return_exceptions=True)
    stage = Stage()
    gate = asyncio.Event()
    publish = stage.link.publish_audio

    async def late(format: AudioFormat, *, name: str) -> Any:
        await gate.wait()
        return await publish(format, name=name)

    stage.link.publish_audio = late  # type: ignore[method-assign]
    await asyncio.sleep(0.01)
    await stage.say(speech(0.4), "cut")
    await stage.clear_take("cut")
    pcm = speech(0.4, seed=1)
    await (await stage.say(pcm, "kept")).aclose()
    await asyncio.sleep(0.5)
    gate.set()
    await asyncio.sleep(1.0)
    assert stage.heard == pcm
    assert stage.states == [("cut", "cut"), ("kept", "playing"), ("kept", "done")]
    await stage.aclose()


@staged
async def test_reports_that_cannot_be_sent_cost_nothing_else(stage: Stage) -> None:
    stage.link.faults.refuse |= {"data", "rpc"}
    pcm = await stage.whole(0.5)
    assert stage.heard == pcm
    stage.link.faults.refuse.clear()
    await asyncio.sleep(1.0)
    assert stage.reports[-1][1].state.value == "done"
