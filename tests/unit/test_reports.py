"""The reports tracker applies valid reports of our worker to the take, and drops others."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.contracts.wire import Report
from avatar_core.playback.reports import ReportsTracker
from avatar_core.testing.clock import now
from avatar_core.testing.link_spy import MONO, make_take
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


class ReportsHarness:
    """A tracker in the agent's room, and a worker that sends reports."""

    def __init__(self) -> None:
        self.room = MemoryRoom()
        self.agent, self.worker = self.room.join("agent"), self.room.join("avatar")
        self.malformed: list[WireError] = []
        self.tracker = ReportsTracker(self.agent.router, "avatar", loop_time, self.malformed.append)

    async def send_report(self, sequence: int, take: Take, at_s: float, state: TakeState) -> None:
        await self.send(Report(sequence, take.id, at_s, state).encode())

    async def send(self, payload: bytes, link: MemoryLink | None = None) -> None:
        await (link or self.worker).send(wire.REPORT_TOPIC, payload, to=["agent"])
        await asyncio.sleep(0.01)

    async def call(self, payload: str) -> str:
        return await self.worker.call("agent", wire.TAKE_RPC, payload, timeout_s=1.0)


async def test_report_updates_its_take() -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    assert reports.tracker.alive_at is None
    reports.tracker.follow(take)
    await asyncio.sleep(2.0)
    await reports.send_report(0, take, 0.5, TakeState.PLAYING)
    assert (take.position_s, take.state) == (0.5, TakeState.PLAYING)
    assert reports.tracker.alive_at == pytest.approx(now(), abs=0.011)
    assert await reports.call(Report(-1, take.id, 1.9, TakeState.CUT).encode().decode()) == wire.OK
    assert (take.position_s, take.state) == (1.9, TakeState.CUT)


async def test_older_report_is_dropped() -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    reports.tracker.follow(take)
    await asyncio.sleep(2.0)
    await reports.send_report(5, take, 0.5, TakeState.PLAYING)
    alive_at = reports.tracker.alive_at
    await reports.send_report(4, take, 1.5, TakeState.DONE)
    await reports.send_report(5, take, 1.5, TakeState.DONE)
    assert (take.position_s, take.state) == (0.5, TakeState.PLAYING)
    assert reports.tracker.alive_at == alive_at


async def test_position_ahead_of_real_time_is_dropped() -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    reports.tracker.follow(take)
    await asyncio.sleep(0.5)
    await reports.send_report(0, take, 1.5, TakeState.DONE)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN)
    assert reports.tracker.alive_at == pytest.approx(now(), abs=0.011)
    await reports.send_report(1, take, 0.5, TakeState.PLAYING)
    assert take.position_s == 0.5


async def test_report_of_another_take_counts_as_heartbeat_only() -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    reports.tracker.follow(take)
    await reports.send_report(0, Take(1, MONO), 1.0, TakeState.DONE)
    assert (take.position_s, take.state) == (0.0, TakeState.OPEN)
    assert reports.tracker.alive_at is not None


async def test_report_of_another_participant_is_ignored() -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    reports.tracker.follow(take)
    stranger = reports.room.join("stranger")
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
    ids=["empty", "object", "short", "strings", "nan", "state", "deep", "lost"],
)
async def test_malformed_report_is_dropped(payload: str) -> None:
    reports, take = ReportsHarness(), make_take(2.0)
    reports.tracker.follow(take)
    payload = payload.replace("TAKE", take.id)
    await reports.send(payload.encode())
    assert await reports.call(payload) == wire.REJECT
    assert len(reports.malformed) == 2
    assert take.state is TakeState.OPEN


async def test_closed_tracker_ignores_reports() -> None:
    reports = ReportsHarness()
    await reports.tracker.aclose()
    await reports.tracker.aclose()
    assert reports.agent.subscriptions == set()
    take = make_take(2.0)
    reports.tracker.follow(take)
    await reports.send_report(0, take, 0.05, TakeState.PLAYING)
    assert take.state is TakeState.OPEN
    assert reports.tracker.alive_at is None
