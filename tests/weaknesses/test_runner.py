"""W13 to W19: the runner of a worker, which plays the audio and reports it."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents.voice.avatar import QueueAudioOutput

from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from tests.weaknesses.stock_agent import audio_frame
from tests.weaknesses.stock_worker import DelayGenerator, StockRunner, media
from tests.weaknesses.weakness import Weakness, never_ends

__all__ = ["media"]
pytestmark = [pytest.mark.virtual_time, pytest.mark.usefixtures("media")]

QUEUE_S = 0.1
"""Audio that the stock worker's source may hold."""

W13 = Weakness(
    "W13",
    "A",
    "The end of a cleared segment leaves a slow generator after the next segment has arrived.",
    stock="The next segment finishes before its first sound, and its own end is not reported.",
    ours="The states of each take carry its id; the next take is done after its last sound.",
)


@W13.shown_by
async def test_stock_segment_after_a_clear_finishes_before_its_first_sound() -> None:
    async with StockRunner(DelayGenerator(0.5)) as worker:
        await worker.stock.open_stream(2.0)
        await asyncio.sleep(1.0)
        await worker.stock.clear()
        await asyncio.sleep(0.15)
        began = now()
        await worker.stock.say(1.0)
        await asyncio.sleep(5.0)
        finishes = [(at, body) for at, name, body in worker.stock.reported if name == "finished"]
        assert [body["interrupted"] for _, body in finishes] == [True, False]
        sound_at = min(start for start, _ in worker.audio.heard if start > began)
        assert finishes[1][0] < sound_at


@with_worker
@W13.avoided_by
async def test_take_after_a_clear_is_done_after_its_last_sound(harness: WorkerHarness) -> None:
    harness.executor.each_s = 0.03
    await (await harness.say(speech(2.0), "cut")).aclose()
    await asyncio.sleep(1.0)
    await harness.clear()
    await asyncio.sleep(0.15)
    await harness.whole(1.0, "next")
    assert harness.states == [
        ("cut", "playing"),
        ("cut", "cut"),
        ("next", "playing"),
        ("next", "done"),
    ]
    assert harness.turns[-1][0] >= harness.runs[-1].end_s
    assert harness.turns[-1][1].position_s == pytest.approx(1.0)


W14 = Weakness(
    "W14",
    "A",
    "A clear sets the position to 0 while a frame of the cleared segment is still being played.",
    stock="`lk.playback_started` is sent for the cleared segment and not for the next one, whose "
    "position is too high.",
    ours="The position belongs to the take; the next take starts at 0.",
)


@W14.shown_by
async def test_stock_clear_moves_the_started_rpc_to_the_cleared_segment() -> None:
    async with StockRunner() as worker:
        await worker.stock.say(2.0)
        await asyncio.sleep(0.55)
        await worker.stock.clear()
        await asyncio.sleep(0.5)
        assert worker.names == ["started", "finished", "started"], "the spurious start is missing"
        await worker.stock.say(1.0)
        await asyncio.sleep(2.0)
        assert worker.names == ["started", "finished", "started", "finished"]
        assert worker.stock.reported[-1][2]["playback_position"] == pytest.approx(1.1)


@pytest.mark.parametrize("cut_ms", [500, 513, 526, 539, 550])
@with_worker
@W14.avoided_by
async def test_take_after_a_clear_starts_at_position_0(harness: WorkerHarness, cut_ms: int) -> None:
    await (await harness.say(speech(2.0), "cut")).aclose()
    await asyncio.sleep(cut_ms / 1000)
    await harness.clear()
    await asyncio.sleep(0.5)
    assert harness.states == [("cut", "playing"), ("cut", "cut")]
    await harness.whole(1.0, "next")
    assert harness.states[2:] == [("next", "playing"), ("next", "done")]
    assert harness.turns[-2][1].position_s < 0.1
    assert harness.turns[-1][1].position_s == pytest.approx(1.0)


W15 = Weakness(
    "W15",
    "B",
    "The runner reports audio as played when it enters the queue of the track.",
    stock="`lk.playback_finished` is sent 100 ms before the last sound.",
    ours="The state DONE is sent 80 ms after the queue ran empty.",
    avoided_in=[
        "tests/unit/test_worker_takes.py::test_done_is_reported_80_ms_after_the_queue_ran_empty",
        "tests/unit/test_worker_takes.py::test_reported_position_is_the_audio_that_left_the_queue",
    ],
)


@W15.shown_by
async def test_stock_segment_finishes_100_ms_before_its_last_sound() -> None:
    async with StockRunner() as worker:
        await worker.stock.say(1.0)
        await asyncio.sleep(3.0)
        finished_at, name, body = worker.stock.reported[-1]
        assert (name, body["playback_position"]) == ("finished", pytest.approx(1.0))
        assert worker.audio.heard[-1][1] - finished_at == pytest.approx(QUEUE_S)


W16 = Weakness(
    "W16",
    "B",
    "The position counts every audio frame of the generator, also silence between segments.",
    stock="A generator that never pauses causes `lk.playback_started` without a segment, and a "
    "position that includes the silence.",
    ours="The position counts only the audio of the take.",
)


@W16.shown_by
async def test_stock_position_includes_the_silence_before_the_segment() -> None:
    async with StockRunner(DelayGenerator(is_always_audible=True)) as worker:
        await asyncio.sleep(0.5)
        assert worker.names == ["started"], "silence was not reported as a segment"
        await worker.stock.say(0.4)
        await asyncio.sleep(1.0)
        assert worker.names[:2] == ["started", "finished"]
        assert worker.stock.reported[1][2]["playback_position"] > 0.8


@with_worker
@W16.avoided_by
async def test_position_excludes_the_silence_before_the_take(harness: WorkerHarness) -> None:
    await asyncio.sleep(0.5)
    assert harness.states == []
    await harness.whole(0.4)
    assert harness.turns[-1][1].position_s == pytest.approx(0.4)


W17 = Weakness(
    "W17",
    "B",
    "A clear does not empty the queues of audio and video.",
    stock="100 ms of the interrupted speech are heard after the clear.",
    ours="The queue of the track is cleared; no audio follows the frame that is being played.",
    avoided_in=[
        "tests/unit/test_worker_takes.py::"
        "test_clear_stops_the_audio_after_at_most_the_current_frame",
        "tests/unit/test_worker_frames.py::test_worker_shows_no_frame_of_a_take_after_its_cut",
    ],
)


@W17.shown_by
async def test_stock_worker_plays_its_queue_after_a_clear() -> None:
    async with StockRunner() as worker:
        await worker.stock.say(2.0)
        await asyncio.sleep(0.55)
        cleared_at = now()
        await worker.stock.clear()
        await asyncio.sleep(2.0)
        assert worker.audio.heard_s(cleared_at) >= QUEUE_S


W18 = Weakness(
    "W18",
    "A",
    "A segment that is cleared before the runner has read a frame gets no finish.",
    stock="With `QueueAudioOutput`, which has no timeout, `wait_for_playout` waits forever.",
    ours="The segment finishes at position 0.",
    avoided_in=[
        "tests/unit/test_worker_stock.py::"
        "test_stock_segment_cleared_before_its_first_frame_finishes_at_0",
        "tests/unit/test_player_cuts.py::"
        "test_clear_finishes_a_segment_that_waits_for_its_transport",
    ],
)


@W18.shown_by
async def test_stock_segment_cleared_before_its_first_frame_never_finishes() -> None:
    output = QueueAudioOutput()
    async with StockRunner(receiver=output):
        await output.capture_frame(audio_frame())
        output.flush()
        output.clear_buffer()
        assert await never_ends(output.wait_for_playout())


@W18.shown_by
async def test_stock_worker_sends_no_finish_for_a_segment_cleared_at_once() -> None:
    async with StockRunner() as worker:
        await worker.stock.open_stream()
        await asyncio.sleep(0.01)
        await worker.stock.clear()
        await asyncio.sleep(60.0)
        assert worker.names == []


W19 = Weakness(
    "W19",
    "A",
    "An exception of the generator ends one task of the runner, and the other continues.",
    stock="The worker stays in the room and is silent, and the agent waits forever.",
    ours="A renderer that raises costs video frames; the audio continues.",
    avoided_in=[
        "tests/unit/test_worker_frames.py::test_failing_renderer_loses_frames_and_no_audio"
    ],
)


@W19.shown_by
async def test_exception_of_the_generator_silences_the_stock_worker() -> None:
    async with StockRunner() as worker:
        await worker.stock.say(0.4)
        await asyncio.sleep(1.0)
        assert worker.names == ["started", "finished"]
        worker.generator.error = ValueError("a defect")
        await worker.stock.say(0.4)
        await asyncio.sleep(1.0)
        worker.generator.error = None
        heard_s = worker.audio.heard_s()
        await worker.stock.say(0.4)
        await asyncio.sleep(60.0)
        assert not worker.runner._read_audio_atask.done()
        assert worker.names == ["started", "finished"]
        assert worker.audio.heard_s() == heard_s
