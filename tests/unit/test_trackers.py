"""Trackers: what they believe, of whom, and what they credit to which take."""

from __future__ import annotations

import asyncio
import logging
import math

import pytest
from fake_room import FakeLink, FakeRoom, context
from virtual import now, virtual

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.contracts.wire import Finished, Report
from avatar_core.trackers.bytestream import ByteStreamTracker
from avatar_core.trackers.clock import ClockTracker, Estimate
from avatar_core.trackers.reports import ReportsTracker
from avatar_core.trackers.stock import StockTracker

pytestmark = virtual
MONO = AudioFormat(24_000)


def take_of(pushed_s: float, *, ended: bool = False, cutting: bool = False) -> Take:
    take = Take(1, MONO)
    take.pushed_s, take.ended, take.cutting = pushed_s, ended, cutting
    return take


# Our own worker's reports.


class Reports:
    def __init__(self) -> None:
        room = FakeRoom()
        self.agent, self.worker = room.join("agent"), room.join("avatar")
        self.malformed: list[WireError] = []
        self.tracker = ReportsTracker(
            self.agent.dispatcher, "avatar", loop_time, self.malformed.append
        )

    async def packet(self, sequence: int, take: Take, at_s: float, state: TakeState) -> None:
        await self.send(Report(sequence, take.id, at_s, state).encode())

    async def send(self, payload: bytes, link: FakeLink | None = None) -> None:
        await (link or self.worker).send(wire.REPORT_TOPIC, payload, to=["agent"])
        await asyncio.sleep(0.01)

    async def call(self, payload: str) -> str:
        return await self.worker.call("agent", wire.TAKE_RPC, payload, timeout_s=1.0)


async def test_reports_reach_their_take() -> None:
    reports, take = Reports(), take_of(2.0)
    assert reports.tracker.alive_at is None
    reports.tracker.follow(take)
    await asyncio.sleep(2.0)
    await reports.packet(0, take, 0.5, TakeState.PLAYING)
    assert (take.position_s, take.state) == (0.5, TakeState.PLAYING)
    assert reports.tracker.alive_at == pytest.approx(now(), abs=0.011)
    assert await reports.call(Report(-1, take.id, 1.9, TakeState.CUT).encode().decode()) == wire.OK
    assert (take.position_s, take.state) == (1.9, TakeState.CUT)


async def test_an_older_report_is_dropped() -> None:
    reports, take = Reports(), take_of(2.0)
    reports.tracker.follow(take)
    await asyncio.sleep(2.0)
    await reports.packet(5, take, 0.5, TakeState.PLAYING)
    alive_at = reports.tracker.alive_at
    await reports.packet(4, take, 1.5, TakeState.DONE)
    await reports.packet(5, take, 1.5, TakeState.DONE)
    assert (take.position_s, take.state) == (0.5, TakeState.PLAYING)
    assert reports.tracker.alive_at == alive_at


async def test_nobody_hears_faster_than_time_passes() -> None:
    reports, take = Reports(), take_of(2.0)
    reports.tracker.follow(take)
    await asyncio.sleep(0.5)
    await reports.packet(0, take, 1.5, TakeState.DONE)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN)
    assert reports.tracker.alive_at == pytest.approx(now(), abs=0.011)
    await reports.packet(1, take, 0.5, TakeState.PLAYING)
    assert take.position_s == 0.5


async def test_a_report_of_another_take_is_only_a_pulse() -> None:
    reports, take = Reports(), take_of(2.0)
    reports.tracker.follow(take)
    await reports.packet(0, Take(1, MONO), 1.0, TakeState.DONE)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN)
    assert reports.tracker.alive_at is not None


async def test_a_stranger_reports_nothing() -> None:
    reports, take = Reports(), take_of(2.0)
    reports.tracker.follow(take)
    stranger = reports.agent.room.join("stranger")
    await reports.send(Report(9, take.id, 1.0, TakeState.DONE).encode(), stranger)
    assert await stranger.call("agent", wire.TAKE_RPC, "", timeout_s=1.0) == wire.REJECT
    assert take.state is TakeState.OPEN
    assert reports.tracker.alive_at is None


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{}",
        "[1]",
        '["x", "y", 0.1, "open"]',
        '[1, "t", NaN, "open"]',
        '[1, "t", 1, "flying"]',
        "[" * 100_000,
        '[1, "TAKE", 0.5, "lost"]',
    ],
    ids=["empty", "object", "short", "words", "nan", "state", "deep", "lost"],
)
async def test_a_malformed_report_is_dropped(payload: str) -> None:
    reports, take = Reports(), take_of(2.0)
    reports.tracker.follow(take)
    payload = payload.replace("TAKE", take.id)
    await reports.send(payload.encode())
    assert await reports.call(payload) == wire.REJECT
    assert len(reports.malformed) == 2
    assert take.state is TakeState.OPEN


async def test_a_closed_tracker_hears_nothing() -> None:
    reports = Reports()
    await reports.tracker.aclose()
    await reports.tracker.aclose()
    assert reports.agent.handlers == set()


# Stock RPCs, which name no take.


class Stock:
    def __init__(self) -> None:
        room = FakeRoom()
        self.agent, self.worker = room.join("agent"), room.join("avatar")
        self.malformed: list[WireError] = []
        self.tracker = StockTracker(
            self.agent.dispatcher, "avatar", loop_time, self.malformed.append
        )

    async def finish(self, position_s: float, *, interrupted: bool = False) -> None:
        payload = Finished(position_s, interrupted).encode()
        await self.worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)

    async def start(self) -> None:
        await self.worker.call("agent", wire.PLAYBACK_STARTED, "", timeout_s=1.0)


async def test_a_finish_after_the_end_is_done() -> None:
    stock, take = Stock(), take_of(2.0, ended=True)
    stock.tracker.follow(take)
    await stock.start()
    assert take.state is TakeState.PLAYING
    await asyncio.sleep(2.1)
    await stock.finish(1.99)
    assert (take.position_s, take.state) == (1.99, TakeState.DONE)


async def test_a_finish_of_more_than_can_have_played_is_of_an_earlier_take() -> None:
    stock, take = Stock(), take_of(5.0, ended=True)
    stock.tracker.follow(take)
    await asyncio.sleep(0.3)
    await stock.finish(3.0)
    assert take.state is TakeState.OPEN
    await asyncio.sleep(4.8)
    await stock.finish(5.0)
    assert take.state is TakeState.DONE


async def test_an_interruption_that_nobody_asked_for_is_of_an_earlier_take() -> None:
    stock, take = Stock(), take_of(2.0)
    stock.tracker.follow(take)
    await asyncio.sleep(1.0)
    await stock.finish(0.7, interrupted=True)
    assert take.state is TakeState.OPEN


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("interrupted", [True, False])
@pytest.mark.parametrize("position_s", [0.0, 0.4, 0.9, 1.9])
async def test_a_finish_of_a_take_that_is_cut_is_its_cut(
    position_s: float, interrupted: bool, ended: bool
) -> None:
    stock, take = Stock(), take_of(2.0, ended=ended)
    stock.tracker.follow(take)
    await asyncio.sleep(1.95)
    take.cutting = True
    await stock.finish(position_s, interrupted=interrupted)
    assert take.position_s == position_s
    assert take.state is TakeState.CUT


@pytest.mark.parametrize("position_s", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("pushed_s", [0.02, 0.1, 0.4, 0.8])
async def test_a_late_finish_does_not_split_a_young_take(
    pushed_s: float, position_s: float
) -> None:
    """The cut of the take before was given up on; its finish comes after all."""
    stock, take = Stock(), take_of(pushed_s)
    stock.tracker.follow(take)
    await asyncio.sleep(pushed_s / 2)
    await stock.finish(position_s)
    assert take.state is TakeState.OPEN


async def test_an_idle_split_is_done_before_the_end() -> None:
    stock, take = Stock(), take_of(2.0)
    stock.tracker.follow(take)
    await asyncio.sleep(12.0)
    await stock.finish(2.0)
    assert (take.position_s, take.state) == (2.0, TakeState.DONE)


@pytest.mark.parametrize("payload", ["", "[]", '{"playback_position": "x"}', '"text"'])
async def test_a_malformed_finish_is_dropped(payload: str) -> None:
    stock, take = Stock(), take_of(2.0, ended=True)
    stock.tracker.follow(take)
    await asyncio.sleep(2.1)
    await stock.worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)
    assert take.state is TakeState.OPEN
    assert len(stock.malformed) == 1


async def test_nothing_was_pushed_so_nothing_is_credited() -> None:
    stock, take = Stock(), take_of(0.0)
    await stock.start()
    stock.tracker.follow(take)
    await stock.start()
    await stock.finish(0.0)
    assert take.state is TakeState.OPEN


# The clock.


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


# All together.


async def test_a_silent_vendor_is_followed_by_the_clock() -> None:
    room = FakeRoom()
    agent = room.join("agent")
    tracker = ByteStreamTracker(context(agent, playout_latency_s=0.3, reports_finished=False))
    take = take_of(1.0, ended=True)
    tracker.follow(take)
    assert tracker.source == "reported"
    await asyncio.sleep(1.2)
    assert take.position_s == pytest.approx(0.88, abs=0.03)
    await asyncio.sleep(0.2)
    assert take.state is TakeState.DONE
    await tracker.aclose()
    assert agent.handlers == set()


async def test_a_finish_that_never_comes_is_taken_for_sent() -> None:
    agent = FakeRoom().join("agent")
    tracker = ByteStreamTracker(context(agent, playout_latency_s=0.3))
    take = take_of(1.0, ended=True)
    tracker.follow(take)
    await asyncio.sleep(2.2)
    assert take.state is TakeState.PLAYING
    await asyncio.sleep(0.2)
    assert take.state is TakeState.DONE
    await tracker.aclose()


async def test_a_worker_that_announces_itself_is_believed_alone() -> None:
    room = FakeRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(context(agent, playout_latency_s=0.0))
    await worker.send(wire.REPORT_TOPIC, Report(0, "", 0.0, TakeState.OPEN).encode(), to=["agent"])
    await asyncio.sleep(0.01)
    assert (tracker.source, tracker.alive_at) == ("exact", pytest.approx(0.002, abs=0.001))
    take = take_of(1.0, ended=True)
    tracker.follow(take)
    await asyncio.sleep(3.0)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN), "the clock has no say"
    payload = Finished(1.0, False).encode()
    await worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)
    assert take.state is TakeState.OPEN, "nor has a stock finish"
    await tracker.aclose()


async def test_nonsense_is_a_warning_once_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room = FakeRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(context(agent))
    tracker.follow(take := take_of(1.0))
    for number in range(50):
        for payload in (
            f"junk {number}",
            f'[{number}, "t", NaN, "open"]',
            f'[1, "{take.id}", 9{number}, "open"]',
        ):
            await worker.call("agent", wire.TAKE_RPC, payload, timeout_s=1.0)
        await worker.call("agent", wire.PLAYBACK_FINISHED, f"junk {number}", timeout_s=1.0)
    dropped = [record for record in caplog.records if "was dropped" in record.message]
    warned = [record.message for record in dropped if record.levelno == logging.WARNING]
    assert len(dropped) == 200
    assert len(warned) == 4
    for number, reason in enumerate(("no playback report", "no number", "cannot be", "finished")):
        assert "of avatar" in warned[number]
        assert reason in warned[number]
    await tracker.aclose()
    again = ByteStreamTracker(context(agent))
    await worker.call("agent", wire.TAKE_RPC, "junk", timeout_s=1.0)
    assert caplog.records[-1].levelno == logging.WARNING, "another worker's first is told again"
    await again.aclose()


@pytest.mark.parametrize("at_s", [0.2, 0.9, 1.5])
async def test_a_worker_that_announces_itself_in_mid_take(at_s: float) -> None:
    room = FakeRoom()
    agent, worker = room.join("agent"), room.join("avatar")
    tracker = ByteStreamTracker(context(agent, playout_latency_s=0.0))
    take = take_of(1.0, ended=True)
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
