"""What an AvatarWorker plays of our own agent, and what it tells of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.worker_harness import RATE, Stage, staged

pytestmark = pytest.mark.virtual_time


@staged
async def test_a_take_is_played_whole_and_told(stage: Stage) -> None:
    pcm = await stage.whole(1.23)
    assert stage.heard == pcm.ljust(len(stage.heard), b"\0"), "its last frame is filled up"
    assert len(stage.heard) - len(pcm) < RATE.size(0.02)
    assert stage.states == [("a", "playing"), ("a", "done")]
    assert stage.turns[-1][1].position_s == pytest.approx(1.23)
    assert stage.renderer.lasts == 1
    assert sum(stage.renderer.sizes) == len(pcm)


@staged
async def test_done_is_told_80_ms_after_the_queue_ran_empty(stage: Stage) -> None:
    await stage.whole(0.5)
    last = stage.runs[-1].end_s
    assert stage.turns[-1][0] - last == pytest.approx(0.08 + 0.002, abs=0.011)


@staged
async def test_positions_are_what_left_the_queue(stage: Stage) -> None:
    await stage.say(speech(2.0))
    for _ in range(15):
        await asyncio.sleep(0.1)
        at, report = stage.reports[-1]
        began = stage.runs[0].at_s
        assert report.position_s == pytest.approx(at - 0.002 - began, abs=0.012)


@staged
async def test_heartbeat(stage: Stage) -> None:
    await asyncio.sleep(3.0)
    idle = len(stage.reports)
    assert idle == pytest.approx(6, abs=1)
    await stage.say(speech(2.0))
    await asyncio.sleep(2.0)
    assert len(stage.reports) - idle == pytest.approx(16, abs=2.5)
    sequences = [report.sequence for _, report in stage.reports]
    assert sequences == sorted(set(sequences))
    gaps = [b[0] - a[0] for a, b in pairwise(stage.reports)]
    assert max(gaps) <= 0.53
    assert max(gaps[idle:]) <= 0.175, "half of what is taken for a lost pulse"


@staged
async def test_speech_that_comes_no_faster_than_it_is_spoken_has_no_gaps(stage: Stage) -> None:
    """A whole frame is never gathered at the price of an empty queue."""
    pcm = speech(2.0)
    writer = await stage.say(pcm[:2880])
    for start in range(2880, len(pcm), 960):
        await asyncio.sleep(0.02)
        await writer.write(pcm[start : start + 960])
    await writer.aclose()
    await asyncio.sleep(0.5)
    assert stage.heard == pcm
    assert len(stage.runs) == 1


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


@staged
async def test_a_track_that_fails_does_not_end_the_worker(stage: Stage) -> None:
    assert stage.tap.audio is not None
    capture, failed = stage.tap.audio.capture, 0

    async def fail(_: bytes) -> None:
        nonlocal failed
        failed += 1
        raise RuntimeError("native")

    stage.tap.audio.capture = fail  # type: ignore[method-assign]
    await stage.say(speech(0.3))
    await asyncio.sleep(1.0)
    assert failed > 5
    assert stage.heard == b""
    stage.tap.audio.capture = capture  # type: ignore[method-assign]
    await stage.clear()
    before = len(stage.heard)
    pcm = await stage.whole(0.5, "b")
    assert stage.heard[before:] == pcm


@staged
async def test_reports_that_cannot_be_sent_cost_nothing_else(stage: Stage) -> None:
    stage.tap.refuse |= {"data", "rpc"}
    pcm = await stage.whole(0.5)
    assert stage.heard == pcm
    stage.tap.refuse.clear()
    await asyncio.sleep(1.0)
    assert stage.reports[-1][1].state.value == "done"
