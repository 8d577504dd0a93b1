"""W9 to W12, W21 and W22: the streams and the sender of a worker's receiver."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents.voice.avatar import DataStreamAudioReceiver

from avatar_core.contracts import wire
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.scripted_renderer import RATE, ScriptedRenderer
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.weaknesses.stock_agent import AGENT
from tests.weaknesses.stock_worker import StockReceiver
from tests.weaknesses.weakness import Weakness, never_ends

pytestmark = pytest.mark.virtual_time

W9 = Weakness(
    "W9",
    "B",
    "The receiver ends a cleared segment as it ends a complete segment.",
    stock="A generator receives `AudioSegmentEnd` after `clear_buffer`, and cannot tell the two "
    "ends apart.",
    ours="The renderer of a cleared take is reset, and receives no last chunk.",
)


@W9.shown_by
async def test_stock_receiver_ends_a_cleared_segment_like_a_complete_one() -> None:
    async with StockReceiver() as stock:
        await stock.open_stream(1.0)
        await asyncio.sleep(0.01)
        await stock.clear()
        assert await asyncio.wait_for(stock.receive_segment(), 1.0) == 0.0


@with_worker
@W9.avoided_by
async def test_renderer_of_a_cleared_take_is_reset_without_a_last_chunk(
    harness: WorkerHarness,
) -> None:
    await (await harness.say(speech(1.0))).aclose()
    await asyncio.sleep(0.3)
    await harness.clear()
    await asyncio.sleep(2.0)
    assert (harness.renderer.lasts, harness.renderer.resets) == (0, 1)


W10 = Weakness(
    "W10",
    "B",
    "`lk.clear_buffer` affects only the stream that is being read.",
    stock="A segment whose header has arrived already is played completely after the clear.",
    ours="A clear cuts every take that was sent.",
    avoided_in=["tests/unit/test_worker_takes.py::test_clear_cuts_every_take_that_was_sent"],
)


@W10.shown_by
async def test_stock_receiver_plays_a_queued_segment_after_a_clear() -> None:
    async with StockReceiver() as stock:
        await stock.open_stream(0.1)
        await asyncio.sleep(0.01)
        await stock.say(1.0)
        await stock.clear()
        assert await asyncio.wait_for(stock.receive_segment(), 1.0) == 0.0
        assert await asyncio.wait_for(stock.receive_segment(), 1.0) == pytest.approx(1.0)


W11 = Weakness(
    "W11",
    "C",
    "The reader of a cleared stream is not closed.",
    stock="Each interruption leaves a subscription at LiveKit's native client behind.",
    ours="The worker closes the reader of each take that has ended.",
)


@W11.shown_by
async def test_stock_receiver_leaves_the_reader_of_a_cleared_stream_open() -> None:
    async with StockReceiver() as stock:
        writer = await stock.open_stream(0.1)
        await asyncio.sleep(0.01)
        await stock.clear()
        await asyncio.wait_for(stock.receive_segment(), 1.0)
        await asyncio.sleep(60.0)
        assert not writer.readers[0].closed


@with_worker
@W11.avoided_by
async def test_worker_closes_the_reader_of_a_cleared_take(harness: WorkerHarness) -> None:
    attributes = wire.stream_attributes(RATE, "a")
    (reader,) = harness.link.receive(wire.AUDIO_STREAM, AGENT, attributes)
    reader.put(speech(1.0))
    await asyncio.sleep(0.3)
    assert not reader._closed
    await harness.clear()
    reader.put(speech(0.1))
    await asyncio.sleep(0.1)
    assert reader._closed


W12 = Weakness(
    "W12",
    "C",
    "`DataStreamAudioReceiver.aclose` leaves its handlers registered.",
    stock="A second receiver in the same room raises `ValueError`.",
    ours="A worker removes its handlers, and a second worker can use the same connection.",
)


@W12.shown_by
async def test_second_stock_receiver_of_a_room_raises_value_error() -> None:
    async with StockReceiver() as stock:
        await stock.receiver.aclose()
        second = DataStreamAudioReceiver(stock.worker, sender_identity=AGENT)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="already set"):
            await second.start()
        await second.aclose()


@W12.avoided_by
async def test_second_worker_can_use_the_connection_of_the_first() -> None:
    harness = WorkerHarness()
    await harness.worker.ready.wait()
    await harness.aclose()
    second = AvatarWorker(harness.link, ScriptedRenderer(), executor=InlineExecutor())
    running = asyncio.create_task(second.run())
    await asyncio.wait_for(second.ready.wait(), 1.0)
    await asyncio.sleep(0.02)
    pcm = await harness.whole(0.5)
    assert harness.heard == pcm
    second.stop()
    await running


W21 = Weakness(
    "W21",
    "B",
    "A receiver without `sender_identity` serves the first participant of the kind AGENT.",
    stock="The receiver may serve another avatar, and does not notice that its sender has left.",
    ours="The worker serves the agent that its token names, and ends 5 s after the agent left.",
    avoided_in=[
        "tests/unit/test_worker_takes.py::test_worker_ignores_an_unknown_participant",
        "tests/unit/test_worker_life.py::test_worker_ends_5_s_after_its_agent_left",
        "tests/unit/test_worker_life.py::test_worker_raises_if_its_token_names_no_agent",
    ],
)


@W21.shown_by
async def test_stock_receiver_serves_another_avatar_instead_of_its_agent() -> None:
    async with StockReceiver(None, others=("other-avatar",)) as stock:
        await stock.say(1.0)
        assert await never_ends(anext(stock.receiver))


@W21.shown_by
async def test_stock_receiver_does_not_notice_that_its_sender_left() -> None:
    async with StockReceiver() as stock:
        await stock.say(0.1)
        await stock.receive_segment()
        stock.hub.leave(AGENT)
        assert await never_ends(anext(stock.receiver))


W22 = Weakness(
    "W22",
    "C",
    "The receiver collects frames of 100 ms, and its queues have no limit.",
    stock="The generator gets the first audio 100 ms after it was sent; 10 minutes of audio wait "
    "in the queue.",
    ours="The renderer gets the first audio after one video frame (40 ms at 25 Hz); our agent "
    "sends at most 0.5 s ahead.",
    avoided_in=[
        "tests/weaknesses/test_protocol.py::"
        "test_player_sends_at_most_half_a_second_of_a_minute_ahead"
    ],
)


@W22.shown_by
async def test_stock_receiver_delays_the_first_audio_by_100_ms() -> None:
    async with StockReceiver() as stock:
        began = now()
        first = asyncio.create_task(anext(stock.receiver))
        writer = await stock.open_stream()
        for _ in range(10):
            await writer.write(bytes(speech(0.02)))
            await asyncio.sleep(0.02)
            if first.done():
                break
        assert now() - began == pytest.approx(0.1)


@W22.shown_by
async def test_queue_of_the_stock_receiver_has_no_limit() -> None:
    async with StockReceiver() as stock:
        await stock.open_stream(600.0)
        await asyncio.sleep(1.0)
        assert stock.receiver._data_ch.qsize() == 6000


@with_worker
@W22.avoided_by
async def test_worker_delays_the_first_audio_by_one_video_frame(harness: WorkerHarness) -> None:
    began = now()
    writer = await harness.say(b"")
    while not harness.renderer.sizes:
        await writer.write(speech(0.02))
        await asyncio.sleep(0.02)
    assert now() - began <= 0.06 + 1e-6
