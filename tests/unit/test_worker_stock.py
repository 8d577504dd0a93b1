"""LiveKit's stock protocol: no take ids, each segment starts and finishes exactly once.

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
from avatar_core.testing.worker_harness import RATE, Stage, staged

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.parametrize("stock_wire", [False, True], ids=["stock_agent", "stock_worker"]),
]


def take_id(stock_wire: bool) -> str:
    """Make an id for a take; a stock agent has none."""
    return secrets.token_hex(6) if stock_wire else ""


def told(stage: Stage) -> list[str]:
    return [method.removeprefix("lk.playback_") for _, method, _ in stage.stock]


@staged
async def test_a_stock_agent_is_told_once_a_segment(stage: Stage, stock_wire: bool) -> None:
    for _ in range(3):
        await stage.whole(0.4, id=take_id(stock_wire))
    assert told(stage) == ["started", "finished"] * 3
    assert stage.stock[-1][2] == {
        "playback_position": pytest.approx(0.4),
        "interrupted": False,
        "synchronized_transcript": None,
    }
    assert stage.turns == []
    assert stock_wire is (stage.reports == [])


@pytest.mark.parametrize("at_s", [0.0, 0.005, 0.02, 0.3, 0.55, 0.7])
@staged
async def test_a_stock_clear_is_finished_once(stage: Stage, stock_wire: bool, at_s: float) -> None:
    writer = await stage.say(speech(0.5), id=take_id(stock_wire))
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
async def test_a_stock_segment_cleared_before_its_first_frame(
    stage: Stage, stock_wire: bool
) -> None:
    writer = await stage.say(b"", id=take_id(stock_wire))
    await asyncio.sleep(0.05)
    await stage.clear()
    await writer.aclose()
    await asyncio.sleep(0.5)
    assert told(stage) == ["finished"]
    assert stage.stock[0][2]["playback_position"] == 0.0
    pcm = await stage.whole(0.4, id=take_id(stock_wire))
    assert stage.heard == pcm
    assert told(stage) == ["finished", "started", "finished"]


@staged
async def test_stock_segments_back_to_back_lose_nothing(stage: Stage, stock_wire: bool) -> None:
    pieces = [speech(0.3, seed=number) for number in range(4)]
    for pcm in pieces:
        await (await stage.say(pcm, id=take_id(stock_wire))).aclose()
    await asyncio.sleep(2.5)
    assert told(stage) == ["started", "finished"] * 4
    assert stage.heard == b"".join(pieces)


@staged
async def test_a_new_stream_ends_one_that_lost_its_trailer(stage: Stage, stock_wire: bool) -> None:
    for rate in (24_000, 16_000):
        await stage.say(
            speech(0.3, AudioFormat(rate)), id=take_id(stock_wire), format=AudioFormat(rate)
        )
    await asyncio.sleep(1.5)
    assert told(stage)[:3] == ["started", "finished", "started"]


@staged
async def test_a_burst_of_streams_loses_nothing(stage: Stage, stock_wire: bool) -> None:
    """The next header may be handled before a loop turn has read what came before it."""
    pieces = [speech(0.3, seed=number) for number in range(3)]
    for pcm in pieces:
        attributes = wire.stream_attributes(RATE, take_id(stock_wire))
        (reader,) = stage.link.receive(wire.AUDIO_STREAM, "agent", attributes)
        for start in range(0, len(pcm), 4800):
            reader.put(pcm[start : start + 4800])
        reader.put(None)
    await asyncio.sleep(2.0)
    assert stage.heard == b"".join(pieces)
    assert told(stage) == ["started", "finished"] * 3


@staged
async def test_stock_worker_ignores_a_clear_of_one_take(stage: Stage, stock_wire: bool) -> None:
    id = take_id(stock_wire) or "another"
    writer = await stage.say(speech(0.5), id=id if stock_wire else "")
    await asyncio.sleep(0.2)
    await stage.clear_take(id)
    await writer.aclose()
    await asyncio.sleep(1.0)
    assert told(stage) == ["started", "finished"]
    assert stage.stock[-1][2]["interrupted"] is False
