"""The health in virtual time: who is silent, and who only waits."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.link import RoomEvent
from avatar_core.testing.clock import now
from avatar_core.worker.reporter import BEAT_S
from tests.unit.health_harness import SOON_S, Watched

pytestmark = pytest.mark.virtual_time


async def test_nobody_is_lost_while_all_is_well() -> None:
    watched = await Watched.begin()
    await asyncio.sleep(5.0)
    watched.speak()
    await watched.play(8.0)
    assert watched.verdicts == []
    await watched.close()


async def test_no_sign_of_life_while_speech_is_owed() -> None:
    watched = await Watched.begin()
    watched.speak()
    await watched.play(1.0)
    watched.pulse.beats = False
    began = now()
    await asyncio.sleep(0.6)
    assert watched.verdicts[0][0] - began == pytest.approx(0.45, abs=0.1)
    await watched.close()


async def test_no_sign_of_life_is_fine_while_nothing_is_owed() -> None:
    watched = await Watched.begin()
    await asyncio.sleep(0.2)
    watched.pulse.beats = False
    await asyncio.sleep(10.0)
    take = watched.speak(0.0)
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    take.pushed_s = 1.0
    await asyncio.sleep(0.55)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_two_beats_in_a_row_may_get_lost() -> None:
    watched = await Watched.begin()
    take = watched.speak()
    await watched.play(1.0)
    watched.beating.cancel()
    for _ in range(10):
        watched.pulse.alive_at = now()
        await asyncio.sleep(3 * BEAT_S)
        take.report(take.position_s + 3 * BEAT_S)
    assert watched.verdicts == []
    await watched.close()


@pytest.mark.parametrize("shaken_s", [0.0, 2.0])
async def test_who_is_cut_off_from_the_room_waits_for_nobody(shaken_s: float) -> None:
    watched = await Watched.begin()
    watched.speak()
    await watched.play(1.0)
    if shaken_s:
        watched.agent.changed(RoomEvent.RECONNECTING, None)
        await asyncio.sleep(shaken_s)
    watched.room.remove("agent")
    await asyncio.sleep(SOON_S)
    assert len(watched.verdicts) == 1
    assert "own room is closed" in watched.verdicts[0][1]
    await watched.close()


async def test_a_reconnection_without_end_excuses_nobody() -> None:
    watched = await Watched.begin()
    watched.speak()
    await watched.play(1.0)
    watched.pulse.beats = False
    watched.agent.changed(RoomEvent.RECONNECTING, None)
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    await asyncio.sleep(6.0)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_a_stock_worker_has_no_pulse_to_lose() -> None:
    watched = await Watched.begin()
    watched.pulse.alive_at = None
    watched.beating.cancel()
    watched.speak()
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    await watched.close()


async def test_a_worker_that_beats_and_plays_nothing() -> None:
    watched = await Watched.begin()
    watched.speak()
    await watched.play(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert watched.verdicts[0][0] - began == pytest.approx(1.1, abs=0.11)
    assert "played nothing" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("rest_s", [0.01, 0.025, 0.039])
async def test_less_than_a_picture_of_sound_is_waited_with(rest_s: float) -> None:
    """A worker plays in pictures: 40 ms at 25 a second. A wait for more speech is no death."""
    watched = await Watched.begin()
    take = watched.speak(1.0)
    await watched.play(1.0)
    take.pushed_s += rest_s
    await asyncio.sleep(10.0)
    assert watched.verdicts == []
    await watched.close()


@pytest.mark.parametrize("rest_s", [0.0, 0.01, 0.039])
async def test_an_end_that_is_never_told(rest_s: float) -> None:
    watched = await Watched.begin()
    take = watched.speak(1.0 + rest_s)
    take.ended = True
    await watched.play(1.0)
    began = now()
    await asyncio.sleep(1.3)
    assert watched.verdicts[0][0] - began == pytest.approx(1.1, abs=0.11)
    await watched.close()


async def test_a_take_on_another_transport_is_not_judged() -> None:
    watched = await Watched.begin()
    watched.speak()
    watched.transport.take = None
    watched.pulse.beats = False
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()
