"""The stock tracker applies playback RPCs without a take id only if they fit the take."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.wire import Finished
from avatar_core.playback.stock_rpcs import StockTracker
from avatar_core.testing.link_spy import make_take
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


class StockHarness:
    """A tracker in the agent's room, and a worker that calls the stock RPCs."""

    def __init__(self) -> None:
        room = MemoryRoom()
        self.agent, self.worker = room.join("agent"), room.join("avatar")
        self.malformed: list[WireError] = []
        self.tracker = StockTracker(self.agent.router, "avatar", loop_time, self.malformed.append)

    async def finish(self, position_s: float, *, interrupted: bool = False) -> None:
        payload = Finished(position_s, interrupted).encode()
        await self.worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)

    async def start(self) -> None:
        await self.worker.call("agent", wire.PLAYBACK_STARTED, "", timeout_s=1.0)


async def test_finished_rpc_after_the_end_completes_the_take() -> None:
    stock, take = StockHarness(), make_take(2.0, ended=True)
    stock.tracker.follow(take)
    await stock.start()
    assert take.state is TakeState.PLAYING
    await asyncio.sleep(2.1)
    await stock.finish(1.99)
    assert (take.position_s, take.state) == (1.99, TakeState.DONE)


async def test_finished_rpc_ahead_of_real_time_is_ignored() -> None:
    stock, take = StockHarness(), make_take(5.0, ended=True)
    stock.tracker.follow(take)
    await asyncio.sleep(0.3)
    await stock.finish(3.0)
    assert take.state is TakeState.OPEN
    await asyncio.sleep(4.8)
    await stock.finish(5.0)
    assert take.state is TakeState.DONE


async def test_interrupted_finished_rpc_without_a_cut_is_ignored() -> None:
    stock, take = StockHarness(), make_take(2.0)
    stock.tracker.follow(take)
    await asyncio.sleep(1.0)
    await stock.finish(0.7, interrupted=True)
    assert take.state is TakeState.OPEN


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("interrupted", [True, False])
@pytest.mark.parametrize("position_s", [0.0, 0.4, 0.9, 1.9])
async def test_finished_rpc_during_a_cut_confirms_the_cut(
    position_s: float, interrupted: bool, ended: bool
) -> None:
    stock, take = StockHarness(), make_take(2.0, ended=ended)
    stock.tracker.follow(take)
    await asyncio.sleep(1.95)
    take.cutting = True
    await stock.finish(position_s, interrupted=interrupted)
    assert take.position_s == position_s
    assert take.state is TakeState.CUT


@pytest.mark.parametrize("position_s", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("pushed_s", [0.02, 0.1, 0.4, 0.8])
async def test_late_finished_rpc_does_not_end_the_next_take(
    pushed_s: float, position_s: float
) -> None:
    """The cut of the take before was not confirmed in time; its finish arrives now."""
    stock, take = StockHarness(), make_take(pushed_s)
    stock.tracker.follow(take)
    await asyncio.sleep(pushed_s / 2)
    await stock.finish(position_s)
    assert take.state is TakeState.OPEN


async def test_finished_rpc_of_an_idle_stream_completes_the_take() -> None:
    stock, take = StockHarness(), make_take(2.0)
    stock.tracker.follow(take)
    await asyncio.sleep(12.0)
    await stock.finish(2.0)
    assert (take.position_s, take.state) == (2.0, TakeState.DONE)


@pytest.mark.parametrize("payload", ["", "[]", '{"playback_position": "x"}', '"text"'])
async def test_malformed_finished_rpc_is_dropped(payload: str) -> None:
    stock, take = StockHarness(), make_take(2.0, ended=True)
    stock.tracker.follow(take)
    await asyncio.sleep(2.1)
    await stock.worker.call("agent", wire.PLAYBACK_FINISHED, payload, timeout_s=1.0)
    assert take.state is TakeState.OPEN
    assert len(stock.malformed) == 1


async def test_take_without_audio_ignores_every_stock_rpc() -> None:
    stock, take = StockHarness(), make_take(0.0)
    await stock.start()
    stock.tracker.follow(take)
    await stock.start()
    await stock.finish(0.0)
    assert take.state is TakeState.OPEN
