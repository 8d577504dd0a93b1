"""Trackers of other packages: without DONE, without positions, without a rhythm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from avatar_core.contracts.events import AvatarState
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.provider import SinkContext
from avatar_core.failover.progress import FOREIGN_STALL_S
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider
from tests.unit.test_lease import start_harness

pytestmark = pytest.mark.virtual_time

SPEECH_S = 3.9
STALL_S, LATENCY_S = FOREIGN_STALL_S, 0.4


class ScriptedTracker(PlaybackTracker):
    """Reports the position of a worker that plays in real time, from `latency_s` after a push on.

    Args:
        every_s: Seconds between two reports.
        heard_s: Returns the seconds that it reports, from those that were heard.
        says_done: Whether it reports the end of a take.
        says_alive: Whether the time of its last report is its sign of life.
        late_done_s: Seconds from the end of the sound until it reports DONE.
    """

    def __init__(
        self,
        *,
        every_s: float = 0.1,
        heard_s: Callable[[float], float] = lambda heard_s: heard_s,
        says_done: bool = False,
        says_alive: bool = False,
        late_done_s: float = 0.0,
    ) -> None:
        self._every_s, self._heard_s = every_s, heard_s
        self._says_done, self._says_alive = says_done, says_alive
        self._late_done_s = late_done_s
        self._alive_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def alive_at(self) -> float | None:
        return self._alive_at if self._says_alive else None

    def follow(self, take: Take) -> None:
        self._stop()
        self._task = asyncio.create_task(self._report(take))

    async def aclose(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _report(self, take: Take) -> None:
        heard_s = 0.0
        await asyncio.sleep(0.05)
        while not take.state.final:
            await asyncio.sleep(self._every_s)
            heard_s = min(heard_s + self._every_s, take.pushed_s)
            self._alive_at = now()
            take.report(self._heard_s(heard_s))
            if self._says_done and take.ended and heard_s >= take.pushed_s:
                await asyncio.sleep(self._late_done_s)
                self._alive_at = now()
                take.report(take.pushed_s, TakeState.DONE)


class TrackedProvider(ScriptedProvider):
    """A provider with a tracker of its own."""

    def __init__(self, room: MemoryRoom, tracker: ScriptedTracker) -> None:
        super().__init__(room)
        self._tracker = tracker

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker:
        return self._tracker


async def start(tracker: ScriptedTracker, *, monitor: bool = False) -> FailoverHarness:
    room = MemoryRoom()
    return await start_harness(TrackedProvider(room, tracker), room=room, monitor=monitor)


async def say(harness: FailoverHarness, duration_s: float = SPEECH_S) -> float:
    """Say a segment to its end; return the seconds that it took."""
    began = now()
    async with asyncio.timeout(60.0):
        position_s, interrupted = await harness.say(duration_s)
    assert position_s == pytest.approx(duration_s, abs=0.01)
    assert not interrupted
    return now() - began


async def test_tracker_without_done_delays_the_turn_by_a_second_and_keeps_the_avatar(
    caplog: pytest.LogCaptureFixture,
) -> None:
    harness = await start(ScriptedTracker())
    for _ in range(3):
        assert await say(harness) < SPEECH_S + STALL_S + 1.0
    assert harness.takes == [("vendor", "done")] * 3
    assert harness.controller.state is AvatarState.LIVE
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len([one for one in warnings if "did not report DONE" in one.getMessage()]) == 1
    await harness.close()


@pytest.mark.parametrize(
    ("heard_s", "lost_after_s"),
    [
        pytest.param(lambda _: 0.0, STALL_S + LATENCY_S, id="no position"),
        pytest.param(lambda heard_s: min(heard_s, 2.0), 2.0 + STALL_S, id="stops halfway"),
        pytest.param(lambda heard_s: min(heard_s, 3.85), SPEECH_S + STALL_S, id="stops at the end"),
    ],
)
async def test_avatar_with_a_constant_position_is_lost_in_time(
    heard_s: Callable[[float], float], lost_after_s: float
) -> None:
    harness = await start(ScriptedTracker(heard_s=heard_s))
    began = now()
    over = harness.push_speech(SPEECH_S)
    await harness.wait_until(lambda: bool(harness.takes), within_s=lost_after_s + 0.3)
    assert now() - began == pytest.approx(lost_after_s + 0.1, abs=0.2)
    await over
    assert now() - began < SPEECH_S + STALL_S + 1.0
    assert harness.takes == [("vendor", "lost"), ("voice", "done")]
    await harness.close()


@pytest.mark.parametrize("run_ahead_s", [1.0, 3.0])
async def test_tracker_that_reports_only_whole_pieces_keeps_the_avatar(run_ahead_s: float) -> None:
    """A sink may send pieces of a second or more, and learn only that one was played."""
    piece_s = run_ahead_s - 0.1

    def whole_pieces_s(heard_s: float) -> float:
        return heard_s if heard_s > 19.99 else (heard_s + 1e-6) // piece_s * piece_s

    tracker = ScriptedTracker(heard_s=whole_pieces_s)
    room = MemoryRoom()
    provider = TrackedProvider(room, tracker)
    provider.capabilities = replace(provider.capabilities, run_ahead_s=run_ahead_s)
    harness = await start_harness(provider, room=room, monitor=False)
    over = harness.push_speech(20.0)
    async with asyncio.timeout(60.0):
        await over
    assert {provider for provider, _ in harness.takes} == {"vendor"}
    await harness.close()


async def test_avatar_at_half_speed_is_lost_in_time() -> None:
    harness = await start(ScriptedTracker(heard_s=lambda heard_s: heard_s / 2))
    took_s = await say(harness, 20.0)
    assert took_s < 20.0 + STALL_S + 2.0 + LATENCY_S + 0.6
    assert harness.takes == [("vendor", "lost"), ("voice", "done")]
    await harness.close()


async def test_monitor_hears_the_speech_that_a_tracker_does_not_report() -> None:
    harness = await start(ScriptedTracker(heard_s=lambda heard_s: min(heard_s, 2.0)), monitor=True)
    assert await say(harness) < SPEECH_S + STALL_S
    assert harness.takes == [("vendor", "done")]
    await harness.close()


async def test_pause_does_not_count_as_a_stall() -> None:
    harness = await start(ScriptedTracker())
    over = harness.push_speech(SPEECH_S)
    await asyncio.sleep(1.5)
    harness.player.pause()
    await asyncio.sleep(60.0)
    harness.player.resume()
    async with asyncio.timeout(SPEECH_S + STALL_S + 1.0):
        await over
    assert [provider for provider, _ in harness.takes] == ["vendor", "vendor"]
    await harness.close()


@pytest.mark.parametrize("every_s", [0.1, 0.2, 0.3, 0.45, 0.6, 0.9])
@pytest.mark.parametrize("late_done_s", [0.0, 0.8])
async def test_tracker_with_the_time_of_the_last_message_keeps_the_avatar(
    every_s: float, late_done_s: float
) -> None:
    harness = await start(
        ScriptedTracker(every_s=every_s, says_alive=True, says_done=True, late_done_s=late_done_s)
    )
    for pause_s in (0.0, 0.3, 5.0, 60.0):
        await asyncio.sleep(pause_s)
        await say(harness)
    assert {provider for provider, _ in harness.takes} == {"vendor"}
    assert harness.controller.state is AvatarState.LIVE
    await harness.close()
