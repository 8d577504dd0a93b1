"""The heartbeat check reports dead and stalled workers, and keeps workers that only wait."""

from __future__ import annotations

import asyncio
import random

import pytest

from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.playback import TakeState
from avatar_core.failover.heartbeat import HEARTBEAT_LOST_S, LOSSY_BEATS
from avatar_core.failover.progress import STALL_S
from avatar_core.failover.ticks import TICK_S, Ticks
from avatar_core.testing.clock import now
from avatar_core.worker.reporter import HEARTBEAT_S
from tests.unit.health_harness import DELIVERY_S, FakeHeartbeat, HealthHarness

pytestmark = pytest.mark.virtual_time

HALF_AN_HOUR_S = 1800.0
LOST_SHARE = 0.05


async def measure_silence_s(harness: HealthHarness) -> float:
    """Stop the reports, and return the seconds from the last one to the loss of the avatar."""
    harness.heartbeat.is_beating = False
    await asyncio.sleep(1.0)
    assert harness.heartbeat.alive_at is not None
    return harness.losses[0][0] - harness.heartbeat.alive_at


async def test_healthy_worker_is_not_lost() -> None:
    harness = await HealthHarness.start()
    await asyncio.sleep(5.0)
    harness.start_take()
    await harness.report_playback(8.0)
    assert harness.losses == []
    await harness.close()


async def test_worker_with_unheard_audio_is_lost_if_its_reports_stop() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    await harness.report_playback(1.0)
    harness.heartbeat.is_beating = False
    began = now()
    await asyncio.sleep(0.6)
    assert harness.losses[0][0] - began == pytest.approx(0.45, abs=0.1)
    await harness.close()


async def test_missing_reports_are_ignored_without_unheard_audio() -> None:
    harness = await HealthHarness.start()
    await asyncio.sleep(0.2)
    harness.heartbeat.is_beating = False
    await asyncio.sleep(10.0)
    take = harness.start_take(0.0)
    await asyncio.sleep(10.0)
    assert harness.losses == []
    take.pushed_s = 1.0
    await asyncio.sleep(0.55)
    assert len(harness.losses) == 1
    await harness.close()


async def test_two_missing_reports_in_a_row_are_tolerated() -> None:
    harness = await HealthHarness.start()
    take = harness.start_take()
    await harness.report_playback(1.0)
    harness.beating.cancel()
    for _ in range(10):
        harness.heartbeat.alive_at = now()
        await asyncio.sleep(3 * HEARTBEAT_S)
        take.report(take.position_s + 3 * HEARTBEAT_S)
    assert harness.losses == []
    await harness.close()


@pytest.mark.parametrize("reconnecting_s", [0.0, 2.0])
async def test_avatar_is_lost_at_once_if_the_room_closes(reconnecting_s: float) -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    await harness.report_playback(1.0)
    if reconnecting_s:
        harness.agent.changed(RoomEvent.RECONNECTING, None)
        await asyncio.sleep(reconnecting_s)
    harness.room.remove("agent")
    await asyncio.sleep(DELIVERY_S)
    assert len(harness.losses) == 1
    assert "connection to the room closed" in harness.losses[0][1]
    await harness.close()


async def test_reconnect_allows_missing_reports_for_a_limited_time() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    await harness.report_playback(1.0)
    harness.heartbeat.is_beating = False
    harness.agent.changed(RoomEvent.RECONNECTING, None)
    await asyncio.sleep(10.0)
    assert harness.losses == []
    await asyncio.sleep(6.0)
    assert len(harness.losses) == 1
    await harness.close()


async def test_worker_that_never_reported_is_not_lost() -> None:
    harness = await HealthHarness.start()
    harness.heartbeat.alive_at = None
    harness.beating.cancel()
    harness.start_take()
    await harness.report_playback(10.0)
    assert harness.losses == []
    await harness.close()


async def test_worker_that_reports_but_plays_nothing_is_lost() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    await harness.report_playback(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert harness.losses[0][0] - began == pytest.approx(1.1, abs=0.11)
    assert "played no audio" in harness.losses[0][1]
    await harness.close()


@pytest.mark.parametrize("rest_s", [0.01, 0.025, 0.039])
async def test_unheard_audio_shorter_than_a_frame_is_tolerated(rest_s: float) -> None:
    """A worker plays whole video frames' worth: 40 ms at 25 fps. It may wait for more audio."""
    harness = await HealthHarness.start()
    take = harness.start_take(1.0)
    await harness.report_playback(1.0)
    take.pushed_s += rest_s
    await asyncio.sleep(10.0)
    assert harness.losses == []
    await harness.close()


async def test_heard_take_without_an_end_report_keeps_the_avatar() -> None:
    harness = await HealthHarness.start()
    take = harness.start_take(1.0)
    take.ended = True
    await harness.report_playback(1.0)
    await asyncio.sleep(2.0)
    assert take.state is TakeState.DONE
    assert harness.losses == []
    await harness.close()


@pytest.mark.parametrize("rest_s", [0.01, 0.039])
async def test_worker_is_lost_if_it_does_not_report_the_end_of_a_take(rest_s: float) -> None:
    harness = await HealthHarness.start()
    take = harness.start_take(1.0 + rest_s)
    take.ended = True
    await harness.report_playback(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert harness.losses[0][0] - began == pytest.approx(1.1, abs=0.11)
    await harness.close()


async def test_missing_reports_are_ignored_without_a_take() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    harness.transport.take = None
    harness.heartbeat.is_beating = False
    await asyncio.sleep(5.0)
    assert harness.losses == []
    await harness.close()


@pytest.mark.parametrize("phase_s", [0.0, 0.02, 0.05, 0.08])
async def test_worker_with_a_declared_interval_is_lost_at_the_limit(phase_s: float) -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S))
    await harness.publish_as("avatar")
    await asyncio.sleep(3.0 + phase_s)
    harness.start_take()
    await harness.report_playback(1.0)
    assert await measure_silence_s(harness) == pytest.approx(HEARTBEAT_LOST_S, abs=0.005)
    await harness.close()


async def test_stalled_worker_with_a_declared_interval_is_lost_at_the_limit() -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S))
    await harness.publish_as("avatar")
    take = harness.start_take()
    await harness.report_playback(1.0)
    began, position_s = now(), take.position_s
    await asyncio.sleep(1.2)
    assert take.position_s == position_s
    assert harness.losses[0][0] - began == pytest.approx(STALL_S, abs=0.02)
    await harness.close()


async def test_check_of_a_slow_worker_does_not_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S), latency_s=3.0)
    await harness.publish_as("avatar")
    waits_s: list[float] = []
    wait = Ticks.wait

    async def record_wait(ticks: Ticks) -> float:
        waits_s.append(await wait(ticks))
        return waits_s[-1]

    monkeypatch.setattr(Ticks, "wait", record_wait)
    harness.start_take()
    began = now()
    await asyncio.sleep(STALL_S + 3.2)
    assert harness.losses[0][0] - began == pytest.approx(STALL_S + 3.0, abs=0.1)
    assert len(waits_s) < (STALL_S + 3.0) / TICK_S
    await harness.close()


@pytest.mark.parametrize(("speech_s", "cut_s", "idle_s"), [(0.2, 0.2, 0.0), (0.2, 0.1, 0.1)])
async def test_dead_worker_is_lost_while_each_take_is_interrupted(
    speech_s: float, cut_s: float, idle_s: float
) -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S))
    await harness.publish_as("avatar")
    harness.start_take()
    await harness.report_playback(1.0)
    harness.heartbeat.is_beating = False
    began, idle_until_lost_s = now(), 0.0
    while not harness.losses:
        harness.start_take()
        await asyncio.sleep(speech_s)
        harness.take.cutting = True
        await asyncio.sleep(cut_s)
        harness.take.report(state=TakeState.CUT)
        harness.transport.take = None
        if not harness.losses:
            await asyncio.sleep(idle_s)
            idle_until_lost_s += idle_s
    lost_s = harness.losses[0][0] - began
    assert lost_s == pytest.approx(HEARTBEAT_LOST_S + idle_until_lost_s, abs=0.1)
    await harness.close()


async def test_silence_before_a_long_rest_does_not_count() -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S))
    await harness.publish_as("avatar")
    harness.start_take()
    await harness.report_playback(1.0)
    harness.heartbeat.is_beating = False
    await asyncio.sleep(0.25)
    harness.transport.take = None
    await asyncio.sleep(5.0)
    harness.start_take()
    began = now()
    await asyncio.sleep(0.6)
    assert harness.losses[0][0] - began == pytest.approx(HEARTBEAT_LOST_S, abs=0.05)
    await harness.close()


@pytest.mark.parametrize("seed", range(5))
async def test_worker_is_kept_for_half_an_hour_if_a_twentieth_of_its_reports_is_lost(
    seed: int,
) -> None:
    draw = random.Random(seed)
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S, is_beating=False))
    await harness.publish_as("avatar")
    take = harness.start_take(2000.0)
    harness.heartbeat.alive_at = now()
    while now() < HALF_AN_HOUR_S and not harness.losses:
        await asyncio.sleep(HEARTBEAT_S)
        if draw.random() >= LOST_SHARE:
            harness.heartbeat.alive_at = now()
            take.report(now())
    assert harness.losses == []
    await harness.close()


async def test_limit_is_longer_for_a_while_after_a_missing_report() -> None:
    for complete_s, limit_s in ((1.0, LOSSY_BEATS * HEARTBEAT_S), (40.0, HEARTBEAT_LOST_S)):
        harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S))
        await harness.publish_as("avatar")
        harness.start_take(100.0)
        await harness.report_playback(1.0)
        harness.heartbeat.is_beating = False
        await asyncio.sleep(0.25)
        harness.heartbeat.is_beating = True
        await harness.report_playback(complete_s)
        assert await measure_silence_s(harness) == pytest.approx(limit_s, abs=0.03)
        await harness.close()


async def test_idle_reports_before_playback_do_not_count_as_missing() -> None:
    harness = HealthHarness(heartbeat=FakeHeartbeat(heartbeat_s=HEARTBEAT_S, is_beating=False))
    await harness.publish_as("avatar")
    harness.start_take()
    for interval_s in (0.01, 0.3, 0.01):
        await asyncio.sleep(interval_s)
        harness.heartbeat.alive_at = now()
    harness.heartbeat.is_beating = True
    await harness.report_playback(1.0)
    assert await measure_silence_s(harness) == pytest.approx(HEARTBEAT_LOST_S, abs=0.03)
    await harness.close()
