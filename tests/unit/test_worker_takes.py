"""An AvatarWorker plays the takes of our agent and reports their positions."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.scripted_renderer import RATE
from avatar_core.testing.worker_harness import WorkerHarness, with_worker

pytestmark = pytest.mark.virtual_time


@with_worker
async def test_take_is_played_and_reported_completely(harness: WorkerHarness) -> None:
    pcm = await harness.whole(1.23)
    assert harness.heard == pcm.ljust(len(harness.heard), b"\0"), "the last frame was not padded"
    assert len(harness.heard) - len(pcm) < RATE.size(0.02)
    assert harness.states == [("a", "playing"), ("a", "done")]
    assert harness.turns[-1][1].position_s == pytest.approx(1.23)
    assert harness.renderer.lasts == 1
    assert sum(harness.renderer.sizes) == len(pcm)


@with_worker
async def test_done_is_reported_80_ms_after_the_queue_ran_empty(harness: WorkerHarness) -> None:
    await harness.whole(0.5)
    last = harness.runs[-1].end_s
    assert harness.turns[-1][0] - last == pytest.approx(0.08 + 0.002, abs=0.011)


@with_worker
async def test_reported_position_is_the_audio_that_left_the_queue(harness: WorkerHarness) -> None:
    await harness.say(speech(2.0))
    for _ in range(15):
        await asyncio.sleep(0.1)
        at, report = harness.reports[-1]
        began = harness.runs[0].at_s
        assert report.position_s == pytest.approx(at - 0.002 - began, abs=0.012)


@with_worker
async def test_heartbeat_is_sent_more_often_during_a_take(harness: WorkerHarness) -> None:
    await asyncio.sleep(3.0)
    idle = len(harness.reports)
    assert idle == pytest.approx(6, abs=1)
    await harness.say(speech(2.0))
    await asyncio.sleep(2.0)
    assert len(harness.reports) - idle == pytest.approx(21, abs=2.5)
    sequences = [report.sequence for _, report in harness.reports]
    assert sequences == sorted(set(sequences))
    gaps = [b[0] - a[0] for a, b in pairwise(harness.reports)]
    assert max(gaps) <= 0.53
    assert max(gaps[idle:]) <= 0.15, "the heartbeat is too slow during a take"


@with_worker
async def test_speech_sent_in_real_time_is_played_without_gaps(
    harness: WorkerHarness,
) -> None:
    """A whole frame is never gathered at the price of an empty queue."""
    pcm = speech(2.0)
    writer = await harness.say(pcm[:2880])
    for start in range(2880, len(pcm), 960):
        await asyncio.sleep(0.02)
        await writer.write(pcm[start : start + 960])
    await writer.aclose()
    await asyncio.sleep(0.5)
    assert harness.heard == pcm
    assert len(harness.runs) == 1


@with_worker
async def test_worker_reports_a_take_within_150_ms_of_its_arrival(harness: WorkerHarness) -> None:
    for phase in range(5):
        await asyncio.sleep(0.5 + phase * 0.1)
        await harness.say(speech(0.03), id=f"{phase}")  # too little to be played yet
        began = now()
        await asyncio.sleep(0.15)
        assert any(at > began and report.take_id == f"{phase}" for at, report in harness.reports)
        await harness.clear()


@with_worker
async def test_clear_stops_the_audio_after_at_most_the_current_frame(
    harness: WorkerHarness,
) -> None:
    for at_s in (0.0, 0.013, 0.2, 0.333, 0.5):
        before = len(harness.heard)
        await harness.say(speech(1.0), id=f"t{at_s}")
        await asyncio.sleep(at_s)
        assert await harness.clear() == wire.OK
        await asyncio.sleep(0.011)
        heard = len(harness.heard)
        await asyncio.sleep(1.5)
        assert len(harness.heard) == heard
        take, turn = harness.turns[-1][1].take_id, harness.turns[-1][1]
        assert (take, turn.state.value) == (f"t{at_s}", "cut")
        assert turn.position_s == pytest.approx(RATE.duration_s(heard - before), abs=0.01)
    assert harness.renderer.resets >= 3


@with_worker
async def test_clear_cuts_every_take_that_was_sent(harness: WorkerHarness) -> None:
    for id in "abc":
        await (await harness.say(speech(0.5, seed=ord(id)), id)).aclose()
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await harness.clear()
    await asyncio.sleep(2.0)
    assert {id for id, state in harness.states if state == "cut"} == {"a", "b", "c"}
    assert RATE.duration_s(len(harness.heard)) < 0.15


@with_worker
async def test_late_clear_of_a_take_does_not_affect_the_next_take(harness: WorkerHarness) -> None:
    await harness.say(speech(0.5), "old")
    await asyncio.sleep(0.2)
    await harness.clear_take("old")
    await asyncio.sleep(0.05)
    before = len(harness.heard)
    task = asyncio.create_task(harness.whole(0.5, "new"))
    await asyncio.sleep(0.1)
    await harness.clear_take("old")
    pcm = await task
    assert harness.heard[before:] == pcm
    assert harness.states[-1] == ("new", "done")


@with_worker
async def test_clear_that_arrives_before_its_take_cuts_the_take(harness: WorkerHarness) -> None:
    await harness.clear_take("early")
    await asyncio.sleep(0.01)
    await harness.whole(0.5, "early")
    assert harness.heard == b""
    assert harness.states == [("early", "cut")]
    pcm = await harness.whole(0.5, "next")
    assert harness.heard == pcm


@with_worker
async def test_take_of_an_aborted_stream_is_cut(harness: WorkerHarness) -> None:
    writer = await harness.say(speech(2.0))
    await asyncio.sleep(0.3)
    await writer.aclose(reason="the sender died")
    await asyncio.sleep(1.0)
    assert harness.states == [("a", "playing"), ("a", "cut")]
    assert RATE.duration_s(len(harness.heard)) < 0.32


@with_worker
async def test_take_of_a_stream_that_never_ends_is_done_after_a_timeout(
    harness: WorkerHarness,
) -> None:
    await harness.say(speech(0.5))
    await asyncio.sleep(11.0)
    assert harness.states == [("a", "playing"), ("a", "done")]


@with_worker
async def test_worker_ignores_an_unknown_participant(harness: WorkerHarness) -> None:
    stranger = harness.room.join("stranger")
    writer = await stranger.open_stream(
        wire.AUDIO_STREAM, to=["avatar"], attributes=wire.stream_attributes(RATE, "x")
    )
    await writer.write(speech(0.1))
    await harness.say(speech(0.5))
    await asyncio.sleep(0.2)
    assert await stranger.call("avatar", wire.CLEAR_BUFFER, "", timeout_s=1) == wire.REJECT
    await stranger.send(wire.CLEAR_TOPIC, b"a", to=["avatar"])
    await asyncio.sleep(0.2)
    assert harness.states == [("a", "playing")]
    assert len(harness.renderer.sizes) > 5


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
@with_worker
async def test_stream_with_malformed_attributes_is_dropped(
    harness: WorkerHarness, attributes: dict[str, str]
) -> None:
    writer = await harness.agent.open_stream(
        wire.AUDIO_STREAM, to=["avatar"], attributes=attributes
    )
    await writer.write(speech(0.1))
    pcm = await harness.whole(0.3)
    assert harness.heard == pcm


@pytest.mark.parametrize("source", [AudioFormat(16_000), AudioFormat(44_100, 2)], ids=str)
@with_worker
async def test_take_of_any_format_is_played(harness: WorkerHarness, source: AudioFormat) -> None:
    await harness.whole(1.0, format=source)
    assert harness.turns[-1][1].position_s == pytest.approx(1.0, abs=1e-3)
    assert RATE.duration_s(len(harness.heard)) == pytest.approx(1.0, abs=0.011)


@with_worker
async def test_samples_split_across_chunks_are_joined(harness: WorkerHarness) -> None:
    writer = await harness.say(b"")
    pcm = speech(0.5)
    for start in range(0, len(pcm), 777):
        await writer.write(pcm[start : start + 777])
    await writer.aclose()
    await asyncio.sleep(0.8)
    assert harness.heard == pcm


@with_worker
async def test_failing_audio_track_does_not_end_the_worker(harness: WorkerHarness) -> None:
    assert harness.tap.audio is not None
    capture, failed = harness.tap.audio.capture, 0

    async def fail(_: bytes) -> None:
        nonlocal failed
        failed += 1
        raise RuntimeError("native")

    harness.tap.audio.capture = fail  # type: ignore[method-assign]
    await harness.say(speech(0.3))
    await asyncio.sleep(1.0)
    assert failed > 5
    assert harness.heard == b""
    harness.tap.audio.capture = capture  # type: ignore[method-assign]
    await harness.clear()
    before = len(harness.heard)
    pcm = await harness.whole(0.5, "b")
    assert harness.heard[before:] == pcm


@with_worker
async def test_failed_reports_do_not_affect_the_audio(harness: WorkerHarness) -> None:
    harness.tap.refuse |= {"data", "rpc"}
    pcm = await harness.whole(0.5)
    assert harness.heard == pcm
    harness.tap.refuse.clear()
    await asyncio.sleep(1.0)
    assert harness.reports[-1][1].state.value == "done"
