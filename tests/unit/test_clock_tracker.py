"""The clock tracker and the position estimate, which never leads the listener."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.position_estimate import PositionEstimate
from avatar_core.testing.clock import now
from avatar_core.testing.link_spy import MONO, make_take

pytestmark = pytest.mark.virtual_time


class PushedTake:
    """A take that is pushed in parts, and the seconds that a listener hears `latency_s` later."""

    def __init__(self, latency_s: float) -> None:
        self.take = Take(1, MONO)
        self.latency_s = latency_s
        self.estimate = PositionEstimate(latency_s, loop_time)
        self._empty_at = 0.0

    def push(self, duration_s: float) -> None:
        self._empty_at = max(self._empty_at, now() + self.latency_s) + duration_s
        self.take.pushed_s += duration_s

    @property
    def heard_s(self) -> float:
        """Seconds that a listener heard, of audio that was pushed without a gap."""
        return self.take.pushed_s - max(0.0, self._empty_at - now())


async def test_estimate_follows_the_clock() -> None:
    pushed = PushedTake(0.4)
    tracker = ClockTracker(pushed.estimate.position_s)
    tracker.follow(pushed.take)
    await asyncio.sleep(0.7)  # before the first push
    assert pushed.take.position_s == 0.0
    pushed.push(2.0)
    for _ in range(30):
        await asyncio.sleep(0.1)
        assert pushed.take.position_s <= max(0.0, pushed.heard_s) + 1e-6, "the estimate leads"
        assert pushed.take.position_s >= pushed.heard_s - 0.05
    assert pushed.take.state is TakeState.PLAYING
    pushed.take.ended = True
    await asyncio.sleep(0.03)
    assert pushed.take.state is TakeState.DONE
    await tracker.aclose()


async def test_estimate_never_leads_the_listener_after_an_underrun() -> None:
    pushed = PushedTake(0.4)
    tracker = ClockTracker(pushed.estimate.position_s)
    tracker.follow(pushed.take)
    for gap_s in (0.0, 2.0, 1.0):
        await asyncio.sleep(gap_s)
        before_s = pushed.take.position_s
        assert before_s == pytest.approx(pushed.take.pushed_s, abs=0.003)
        pushed.push(0.5)
        at = now()
        while now() < at + 0.95:
            await asyncio.sleep(0.02)
            heard_s = before_s + min(0.5, max(0.0, now() - at - 0.4))
            assert heard_s - 0.05 <= pushed.take.position_s <= heard_s + 1e-6
    await tracker.aclose()


async def test_cut_freezes_the_estimate() -> None:
    pushed = PushedTake(0.1)
    tracker = ClockTracker(pushed.estimate.position_s)
    tracker.follow(pushed.take)
    pushed.push(2.0)
    await asyncio.sleep(1.0)
    pushed.take.cutting = True
    before_s = pushed.take.position_s
    await asyncio.sleep(0.5)
    assert pushed.take.position_s == before_s
    await tracker.aclose()


async def test_take_is_done_tail_s_after_its_end() -> None:
    take = make_take(1.0, ended=True)
    tracker = ClockTracker(lambda _: min(1.0, now()), tail_s=0.075)
    tracker.follow(take)
    await asyncio.sleep(1.06)
    assert take.state is TakeState.PLAYING
    assert take.position_s > 0.97
    await asyncio.sleep(0.05)
    assert (take.position_s, take.state) == (1.0, TakeState.DONE)


async def test_cut_confirmed_by_the_transport_is_reported_at_once() -> None:
    take = make_take(1.0)
    cut = asyncio.Event()
    tracker = ClockTracker(lambda _: 0.3, is_cut=lambda _: cut.is_set())
    tracker.follow(take)
    await asyncio.sleep(0.5)
    take.cutting = True
    cut.set()
    await asyncio.sleep(0.021)
    assert (take.position_s, take.state) == (0.3, TakeState.CUT)


async def test_following_a_second_take_stops_tracking_the_first() -> None:
    first, second = make_take(1.0), make_take(1.0)
    tracker = ClockTracker(lambda _: now())
    tracker.follow(first)
    await asyncio.sleep(0.1)
    tracker.follow(second)
    position_s = first.position_s
    await asyncio.sleep(0.5)
    assert first.position_s == position_s
    assert second.position_s > 0.5
    await tracker.aclose()
