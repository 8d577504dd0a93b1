"""The clock: what it estimates, and that it never leads."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.clock_tracker import ClockTracker, Estimate
from avatar_core.testing.clock import now
from avatar_core.testing.link_spy import MONO, take_of

pytestmark = pytest.mark.virtual_time


class Pushing:
    """A take that is pushed by and by, with what a listener hears of it `latency_s` later."""

    def __init__(self, latency_s: float) -> None:
        self.take = Take(1, MONO)
        self.latency_s = latency_s
        self.estimate = Estimate(latency_s, loop_time)
        self._empty_at = 0.0

    def push(self, duration_s: float) -> None:
        self._empty_at = max(self._empty_at, now() + self.latency_s) + duration_s
        self.take.pushed_s += duration_s

    @property
    def heard_s(self) -> float:
        """Of what was pushed without a gap."""
        return self.take.pushed_s - max(0.0, self._empty_at - now())


async def test_an_estimate_follows_the_clock() -> None:
    pushing = Pushing(0.4)
    tracker = ClockTracker(pushing.estimate.position_s)
    tracker.follow(pushing.take)
    await asyncio.sleep(0.7)  # nothing was pushed yet
    assert pushing.take.position_s == 0.0
    pushing.push(2.0)
    for _ in range(30):
        await asyncio.sleep(0.1)
        assert pushing.take.position_s <= max(0.0, pushing.heard_s) + 1e-6, "it never leads"
        assert pushing.take.position_s >= pushing.heard_s - 0.05
    assert pushing.take.state is TakeState.PLAYING
    pushing.take.ended = True
    await asyncio.sleep(0.03)
    assert pushing.take.state is TakeState.DONE
    await tracker.aclose()


async def test_an_estimate_never_leads_after_an_underrun() -> None:
    pushing = Pushing(0.4)
    tracker = ClockTracker(pushing.estimate.position_s)
    tracker.follow(pushing.take)
    for gap_s in (0.0, 2.0, 1.0):
        await asyncio.sleep(gap_s)
        before_s = pushing.take.position_s
        assert before_s == pytest.approx(pushing.take.pushed_s, abs=0.003)
        pushing.push(0.5)
        at = now()
        while now() < at + 0.95:
            await asyncio.sleep(0.02)
            heard_s = before_s + min(0.5, max(0.0, now() - at - 0.4))
            assert heard_s - 0.05 <= pushing.take.position_s <= heard_s + 1e-6
    await tracker.aclose()


async def test_a_cut_freezes_an_estimate() -> None:
    pushing = Pushing(0.1)
    tracker = ClockTracker(pushing.estimate.position_s)
    tracker.follow(pushing.take)
    pushing.push(2.0)
    await asyncio.sleep(1.0)
    pushing.take.cutting = True
    before_s = pushing.take.position_s
    await asyncio.sleep(0.5)
    assert pushing.take.position_s == before_s
    await tracker.aclose()


async def test_the_tail_is_waited_for() -> None:
    take = take_of(1.0, ended=True)
    tracker = ClockTracker(lambda _: min(1.0, now()), tail_s=0.075)
    tracker.follow(take)
    await asyncio.sleep(1.06)
    assert take.state is TakeState.PLAYING
    assert take.position_s > 0.97
    await asyncio.sleep(0.05)
    assert (take.position_s, take.state) == (1.0, TakeState.DONE)


async def test_a_road_that_knows_its_cut_says_it_at_once() -> None:
    take = take_of(1.0)
    cut = asyncio.Event()
    tracker = ClockTracker(lambda _: 0.3, cut=lambda _: cut.is_set())
    tracker.follow(take)
    await asyncio.sleep(0.5)
    take.cutting = True
    cut.set()
    await asyncio.sleep(0.021)
    assert (take.position_s, take.state) == (0.3, TakeState.CUT)


async def test_following_another_take_leaves_the_first() -> None:
    first, second = take_of(1.0), take_of(1.0)
    tracker = ClockTracker(lambda _: now())
    tracker.follow(first)
    await asyncio.sleep(0.1)
    tracker.follow(second)
    position_s = first.position_s
    await asyncio.sleep(0.5)
    assert first.position_s == position_s
    assert second.position_s > 0.5
    await tracker.aclose()
