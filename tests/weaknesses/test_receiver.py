"""W5 to W12, W20 to W22: the receiver of a worker."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioReceiver

from avatar_core.contracts import wire
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.worker_harness import RATE, ScriptedRenderer, WorkerHarness, with_worker
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.weaknesses.stock_agent import AGENT, FINISHED, StockAgent
from tests.weaknesses.stock_worker import StockReceiver
from tests.weaknesses.weakness import Weakness, never_ends

pytestmark = pytest.mark.virtual_time

W5 = Weakness(
    "W5",
    "A",
    "A playback RPC that fails three times ends the receiver.",
    stock="Each later segment raises the error of that RPC; the worker plays no more audio.",
    ours="A failed report is dropped, and the audio continues.",
    avoided_in=["tests/unit/test_worker_takes.py::test_failed_reports_do_not_affect_the_audio"],
)


@W5.shown_by
async def test_stock_receiver_ends_after_three_failed_rpcs() -> None:
    async with StockReceiver() as stock:
        stock.worker.local_participant.refused.add(FINISHED)
        stock.receiver.notify_playback_finished(1.0, False)
        await asyncio.sleep(5.0)
        assert [call.method for call in stock.worker.local_participant.calls] == [FINISHED] * 3
        stock.worker.local_participant.refused.clear()
        await stock.say(1.0)
        with pytest.raises(rtc.RpcError):
            await anext(stock.receiver)


W6 = Weakness(
    "W6",
    "A",
    "With `clear_buffer_timeout=None`, one lost finish shifts the count of segments for good.",
    stock="Every later `wait_for_playout` waits forever.",
    ours="A take without a finish is done 1 s after its estimated end.",
    avoided_in=[
        "tests/unit/test_byte_stream_tracker.py::"
        "test_take_without_a_finished_rpc_is_done_a_second_after_its_estimated_end",
        "tests/unit/test_player_cuts.py::test_cut_without_a_confirmation_ends_at_its_deadline",
    ],
)


@W6.shown_by
async def test_stock_output_without_a_clear_timeout_never_recovers_from_a_lost_finish() -> None:
    stock = StockAgent(clear_buffer_timeout=None)
    await stock.say(1.0)
    stock.output.clear_buffer()
    await asyncio.sleep(10.0)
    await stock.say(1.0)
    await stock.finish(1.0)
    assert len(stock.finished) == 1
    assert await never_ends(stock.output.wait_for_playout())


W7 = Weakness(
    "W7",
    "A",
    "A stream that ends abnormally ends the receiver.",
    stock="After a full reconnect or a lost chunk, each later segment raises the old error.",
    ours="The take of the stream is cut, and the next take is played.",
    avoided_in=["tests/unit/test_worker_takes.py::test_take_of_an_aborted_stream_is_cut"],
)


@W7.shown_by
async def test_stock_receiver_ends_after_an_aborted_stream() -> None:
    async with StockReceiver() as stock:
        writer = await stock.open_stream()
        writer.readers[0].put(rtc.StreamError("aborted"))
        with pytest.raises(rtc.StreamError):
            await anext(stock.receiver)
        await stock.say(1.0)
        with pytest.raises(rtc.StreamError):
            await anext(stock.receiver)


@with_worker
@W7.avoided_by
async def test_take_after_an_aborted_stream_is_played(harness: WorkerHarness) -> None:
    writer = await harness.say(speech(0.5), "aborted")
    await writer.aclose(reason="reconnected")
    await asyncio.sleep(1.0)
    before = len(harness.heard)
    pcm = await harness.whole(0.5, "next")
    assert harness.heard[before:] == pcm


W8 = Weakness(
    "W8",
    "A",
    "A playback RPC whose response was lost is repeated, although its handler has run.",
    stock="The segment finishes twice, and the second finish ends the next segment.",
    ours="A call is repeated only if its handler has not run, and a repeated report has no effect.",
)


@W8.shown_by
async def test_lost_response_finishes_the_next_stock_segment() -> None:
    async with StockReceiver() as worker:
        agent = StockAgent(worker.hub, has_avatar=False)
        worker.worker.local_participant.lost_responses = [FINISHED]
        await agent.say(1.0)
        worker.receiver.notify_playback_finished(1.0, False)
        await asyncio.sleep(1.0)
        assert len(agent.finished) == 1
        await agent.push(1.0)
        await asyncio.sleep(20.0)
        assert len(agent.finished) == 2
        assert agent.output._pending_playback_count == 0, "the open segment is still pending"


@with_worker
@W8.avoided_by
async def test_report_whose_response_was_lost_is_not_repeated(harness: WorkerHarness) -> None:
    states: list[str] = []
    is_over = asyncio.Event()

    async def lose_response(_: str, payload: str) -> str:
        states.append(wire.Report.decode(payload).state.value)
        await is_over.wait()
        return wire.OK

    harness.agent.router.rpc(wire.TAKE_RPC, "avatar", lose_response)
    await harness.whole(0.5)
    await asyncio.sleep(30.0)
    assert states == ["playing", "done"]
    is_over.set()
    await asyncio.sleep(0.1)


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


W20 = Weakness(
    "W20",
    "B",
    "A stream with missing or wrong attributes ends the receiver.",
    stock="Each later segment raises the `ValueError` of that stream.",
    ours="The worker drops the stream, and plays the next take.",
    avoided_in=[
        "tests/unit/test_worker_takes.py::test_stream_with_malformed_attributes_is_dropped"
    ],
)


@pytest.mark.parametrize(
    "attributes",
    [{"sample_rate": "24000"}, {"sample_rate": "x", "num_channels": "1"}],
    ids=["missing", "not a number"],
)
@W20.shown_by
async def test_stock_receiver_ends_after_a_malformed_stream(attributes: dict[str, str]) -> None:
    async with StockReceiver() as stock:
        await stock.open_stream(**attributes)
        for _ in range(2):
            with pytest.raises(ValueError):
                await anext(stock.receiver)
            await stock.say(1.0)


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
