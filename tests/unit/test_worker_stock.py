"""In LiveKit's protocol without take ids, each segment starts and finishes exactly once.

A stock agent speaks it with our worker; our agent speaks it with a worker behind a
`StockWireLink`, as with a vendor's.
"""

from __future__ import annotations

import asyncio
import secrets

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.scripted_renderer import RATE
from avatar_core.testing.worker_harness import WorkerHarness, with_worker

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.parametrize("stock_wire", [False, True], ids=["stock_agent", "stock_worker"]),
]


def take_id(stock_wire: bool) -> str:
    """Make an id for a take; a stock agent has none."""
    return secrets.token_hex(6) if stock_wire else ""


def reported(harness: WorkerHarness) -> list[str]:
    return [method.removeprefix("lk.playback_") for _, method, _ in harness.stock]


@with_worker
async def test_agent_gets_one_started_and_one_finished_rpc_per_segment(
    harness: WorkerHarness, stock_wire: bool
) -> None:
    for _ in range(3):
        await harness.whole(0.4, id=take_id(stock_wire))
    assert reported(harness) == ["started", "finished"] * 3
    assert harness.stock[-1][2] == {
        "playback_position": pytest.approx(0.4),
        "interrupted": False,
        "synchronized_transcript": None,
    }
    assert harness.turns == []
    assert stock_wire is (harness.reports == [])


@pytest.mark.parametrize("at_s", [0.0, 0.005, 0.02, 0.3, 0.55, 0.7])
@with_worker
async def test_cleared_stock_segment_finishes_once(
    harness: WorkerHarness, stock_wire: bool, at_s: float
) -> None:
    writer = await harness.say(speech(0.5), id=take_id(stock_wire))
    if at_s > 0.5:
        await writer.aclose()
    await asyncio.sleep(at_s)
    await harness.clear()
    await harness.clear()
    await asyncio.sleep(0.1)
    await writer.aclose(reason="aborted")
    await asyncio.sleep(1.0)
    assert reported(harness).count("finished") == 1
    assert reported(harness)[-1] == "finished"
    assert harness.stock[-1][2]["interrupted"] is (at_s < 0.6)


@with_worker
async def test_stock_segment_cleared_before_its_first_frame_finishes_at_0(
    harness: WorkerHarness, stock_wire: bool
) -> None:
    writer = await harness.say(b"", id=take_id(stock_wire))
    await asyncio.sleep(0.05)
    await harness.clear()
    await writer.aclose()
    await asyncio.sleep(0.5)
    assert reported(harness) == ["finished"]
    assert harness.stock[0][2]["playback_position"] == 0.0
    pcm = await harness.whole(0.4, id=take_id(stock_wire))
    assert harness.heard == pcm
    assert reported(harness) == ["finished", "started", "finished"]


@with_worker
async def test_consecutive_stock_segments_lose_no_audio(
    harness: WorkerHarness, stock_wire: bool
) -> None:
    pieces = [speech(0.3, seed=number) for number in range(4)]
    for pcm in pieces:
        await (await harness.say(pcm, id=take_id(stock_wire))).aclose()
    await asyncio.sleep(2.5)
    assert reported(harness) == ["started", "finished"] * 4
    assert harness.heard == b"".join(pieces)


@with_worker
async def test_new_stream_ends_a_stream_that_lost_its_trailer(
    harness: WorkerHarness, stock_wire: bool
) -> None:
    for rate in (24_000, 16_000):
        await harness.say(
            speech(0.3, AudioFormat(rate)), id=take_id(stock_wire), format=AudioFormat(rate)
        )
    await asyncio.sleep(1.5)
    assert reported(harness)[:3] == ["started", "finished", "started"]


@with_worker
async def test_burst_of_streams_loses_no_audio(harness: WorkerHarness, stock_wire: bool) -> None:
    """The next header may be handled before a loop turn has read what came before it."""
    pieces = [speech(0.3, seed=number) for number in range(3)]
    for pcm in pieces:
        attributes = wire.stream_attributes(RATE, take_id(stock_wire))
        (reader,) = harness.link.receive(wire.AUDIO_STREAM, "agent", attributes)
        for start in range(0, len(pcm), 4800):
            reader.put(pcm[start : start + 4800])
        reader.put(None)
    await asyncio.sleep(2.0)
    assert harness.heard == b"".join(pieces)
    assert reported(harness) == ["started", "finished"] * 3


@with_worker
async def test_stock_worker_ignores_a_clear_of_one_take(
    harness: WorkerHarness, stock_wire: bool
) -> None:
    id = take_id(stock_wire) or "another"
    writer = await harness.say(speech(0.5), id=id if stock_wire else "")
    await asyncio.sleep(0.2)
    await harness.clear_take(id)
    await writer.aclose()
    await asyncio.sleep(1.0)
    assert reported(harness) == ["started", "finished"]
    assert harness.stock[-1][2]["interrupted"] is False
