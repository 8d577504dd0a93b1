"""W5 to W8 and W20: errors after which a receiver or an output does not recover."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from avatar_core.contracts import wire
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from tests.weaknesses.stock_agent import FINISHED, StockAgent
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
    avoided_in=["tests/unit/test_conversation.py::test_no_fault_scenario_loses_a_word"],
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
