"""The supervisor in virtual time: who is silent, and who only waits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from virtual import now, virtual
from watched import Watched

pytestmark = virtual


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
    assert watched.verdicts[0][0] - began == pytest.approx(0.4, abs=0.1)
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
    await asyncio.sleep(0.45)
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


async def test_a_take_on_another_road_is_not_judged() -> None:
    watched = await Watched.begin()
    watched.speak()
    watched.road = SimpleNamespace(tracker=watched.pulse)
    watched.pulse.beats = False
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()
