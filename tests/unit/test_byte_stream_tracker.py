"""The byte-stream tracker: reports if the worker sends them, else stock RPCs and the clock."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.wire import Finished, Report
from avatar_core.playback.byte_stream import ByteStreamTracker
from avatar_core.testing.link_spy import make_take, sink_context
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


async def test_position_follows_the_clock_if_the_worker_sends_no_reports() -> None:
    room = MemoryRoom()
    agent = room.join("agent")
    tracker = ByteStreamTracker(sink_context(agent, playout_latency_s=0.3, reports_finished=False))
    take = make_take(1.0, ended=True)
    tracker.follow(take)
    assert tracker.alive_at is None
    await asyncio.sleep(1.2)
    assert take.position_s == pytest.approx(0.88, abs=0.03)
    await asyncio.sleep(0.2)
    assert take.state is TakeState.DONE
    await tracker.aclose()
    assert agent.subscriptions == set()


async def test_take_without_a_finished_rpc_is_done_a_second_after_its_estimated_end() -> None:
    agent = MemoryRoom().join("agent")
    tracker = ByteStreamTracker(sink_context(agent, playout_latency_s=0.3))
    take = make_take(1.0, ended=True)
    tracker.follow(take)
    await asyncio.sleep(2.2)
    assert take.state is TakeState.PLAYING
    await asyncio.sleep(0.2)
    assert take.state is TakeState.DONE
    await tracker.aclose()


async def test_reports_override_the_clock_and_the_stock_rpcs() -> None:
    room = MemoryRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(sink_context(agent, playout_latency_s=0.0))
    await worker.send(wire.REPORT_TOPIC, Report(0, "", 0.0, TakeState.OPEN).encode(), to=["agent"])
    await asyncio.sleep(0.01)
    assert tracker.alive_at == pytest.approx(0.002, abs=0.001)
    take = make_take(1.0, ended=True)
    tracker.follow(take)
    await asyncio.sleep(3.0)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN), "the clock was used"
    payload = Finished(1.0, False).encode()
    await worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)
    assert take.state is TakeState.OPEN, "the stock RPC was used"
    await tracker.aclose()


async def test_malformed_reports_log_one_warning_for_each_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    room = MemoryRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(sink_context(agent))
    tracker.follow(take := make_take(1.0))
    for number in range(50):
        for payload in (
            f"junk {number}",
            f'[{number}, "t", NaN, "open"]',
            f'[1, "{take.id}", 9{number}, "open"]',
        ):
            await worker.call("agent", wire.TAKE_RPC, payload, timeout_s=1.0)
        await worker.call("agent", wire.PLAYBACK_FINISHED, f"junk {number}", timeout_s=1.0)
    dropped = [
        record
        for record in caplog.records
        if "ignored a malformed playback report" in record.message
    ]
    warned = [record.message for record in dropped if record.levelno == logging.WARNING]
    assert len(dropped) == 200
    assert len(warned) == 4
    for number, reason in enumerate(
        ("not a playback report", "not a finite number", "is impossible", "finished")
    ):
        assert "of avatar" in warned[number]
        assert reason in warned[number]
    await tracker.aclose()
    other = ByteStreamTracker(sink_context(agent))
    await worker.call("agent", wire.TAKE_RPC, "junk", timeout_s=1.0)
    assert caplog.records[-1].levelno == logging.WARNING, (
        "the first malformed report of another worker logged no warning"
    )
    await other.aclose()


@pytest.mark.parametrize("at_s", [0.2, 0.9, 1.5])
async def test_first_report_in_mid_take_replaces_the_estimate(at_s: float) -> None:
    room = MemoryRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(sink_context(agent, playout_latency_s=0.0))
    take = make_take(1.0, ended=True)
    tracker.follow(take)
    await asyncio.sleep(at_s)
    estimated_s = take.position_s
    report = Report(0, take.id, 0.1, TakeState.PLAYING)
    await worker.send(wire.REPORT_TOPIC, report.encode(), to=["agent"])
    await asyncio.sleep(3.0)
    assert take.position_s == pytest.approx(max(0.1, estimated_s), abs=0.03)
    assert take.state is TakeState.PLAYING
    assert not math.isnan(take.position_s)
    await tracker.aclose()
