"""The player under every clear and pause at every phase: laws 1, 2, 3 and 5, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.clock import now
from avatar_core.testing.player_harness import World, at_every_phase

pytestmark = pytest.mark.virtual_time


@at_every_phase
async def test_clear(world: World, at_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    world.clear()
    await world.finished(segment, within_s=0.1)
    assert world.ear.interrupted[segment]
    assert world.ear.position_s[segment] == pytest.approx(world.heard_s(segment), abs=0.01)
    heard_s = world.heard_s(segment)
    await asyncio.sleep(3.0)
    assert world.heard_s(segment) == heard_s


@at_every_phase
async def test_what_comes_after_a_clear_is_not_touched(world: World, at_s: float) -> None:
    first, second = world.say(2.0), world.say(1.0)
    await asyncio.sleep(at_s)
    world.clear()
    third = world.say(1.0)
    await asyncio.sleep(0)
    await world.finished(third, within_s=1.4)
    assert world.ear.interrupted == {first: True, second: True, third: False}
    assert world.heard_s(second) == 0.0
    world.check_whole(third)


@at_every_phase
async def test_clear_twice(world: World, at_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    world.clear()
    await asyncio.sleep(0.01)
    world.clear()
    await world.finished(segment, within_s=0.1)


async def test_frames_after_a_clear_belong_to_the_cleared_segment(world: World) -> None:
    segment = world.push(bytes(48_000))
    await asyncio.sleep(0.2)
    world.clear()
    await world.finished(segment, within_s=0.1)
    assert world.push(bytes(48_000)) == segment
    await asyncio.sleep(1.0)
    assert len(world.ear.takes) == 1
    world.end()
    after = world.say(0.5)
    await world.finished(after, within_s=0.7)
    world.check_whole(after)


async def test_clear_while_speech_is_held(world: World) -> None:
    world.held = asyncio.Event()
    segment = world.say(1.0)
    await asyncio.sleep(0.5)
    world.clear()
    await world.finished(segment, within_s=0.05)
    assert (world.ear.takes, world.ear.started_ids) == ([], [])
    world.held.set()
    after = world.say(1.0)
    await world.finished(after, within_s=1.2)
    world.check_whole(after)


@at_every_phase
async def test_clear_while_paused(world: World, at_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    world.pause()
    await asyncio.sleep(5.0)
    if segment not in world.ear.finished_ids:
        world.clear()
        await world.finished(segment, within_s=0.05)
    after = world.say(0.5)
    await asyncio.sleep(5.0)
    assert world.heard_s(after) == 0.0, "a clear does not end a pause"
    world.resume()
    await world.finished(after, within_s=0.7)
    world.check_whole(after)


@at_every_phase
async def test_clear_as_a_pause_begins(world: World, at_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    world.pause()
    world.clear()
    await world.finished(segment, within_s=0.1)


@at_every_phase
@pytest.mark.parametrize("paused_s", [0.0, 0.01, 1.0])
async def test_pause_and_resume(world: World, at_s: float, paused_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    world.pause()
    if paused_s:
        await asyncio.sleep(paused_s)
    world.resume()
    await world.finished(segment, within_s=2.3 - at_s)
    world.check_whole(segment, twice_s=0.0)
    assert world.ear.interrupted[segment] is False
    assert world.ear.started_ids == [segment]
    assert world.ear.position_s[segment] == pytest.approx(2.0, abs=0.005)


async def test_nothing_is_heard_in_a_pause(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(0.7)
    world.pause()
    await asyncio.sleep(0.05)
    heard_s = world.heard_s(segment)
    await asyncio.sleep(30.0)
    assert world.heard_s(segment) == heard_s == pytest.approx(0.65, abs=0.01)
    assert segment not in world.ear.finished_ids
    world.resume()
    await world.finished(segment, within_s=1.5)
    world.check_whole(segment)


async def test_a_pause_before_the_first_frame_holds_it(world: World) -> None:
    world.pause()
    segment = world.say(1.0)
    await asyncio.sleep(10.0)
    assert world.ear.takes == []
    world.resume()
    await world.finished(segment, within_s=1.2)
    world.check_whole(segment)


@pytest.mark.parametrize("begin_s", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("push_s", [0.0, 0.015])
@at_every_phase
async def test_pauses_in_quick_succession(
    world: World, at_s: float, push_s: float, begin_s: float
) -> None:
    world.avatar.push_s, world.avatar.begin_s = push_s, begin_s
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    for gap_s in (0.0, 0.003, 0.0, 0.011, 0.02):
        world.pause()
        world.resume()
        await asyncio.sleep(gap_s)
    await world.finished(segment, within_s=7.0)
    world.check_whole(segment)


@at_every_phase
async def test_a_cut_that_is_never_confirmed(world: World, at_s: float) -> None:
    world.avatar.cut_s = None
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    began = now()
    world.clear()
    await world.finished(segment, within_s=1.0)
    assert now() - began <= 0.4 + 1e-3
    after = world.say(0.5)
    await world.finished(after, within_s=0.7)
    world.check_whole(after)


async def test_a_cut_confirmed_late_is_waited_for_no_longer(world: World) -> None:
    world.avatar.cut_s = 0.8
    segment = world.say(2.0)
    await asyncio.sleep(0.5)
    world.clear()
    after = world.say(1.0)
    await world.finished(segment, within_s=0.41)
    await world.finished(after, within_s=1.2)
    world.check_whole(after)


async def test_a_cut_that_hangs_is_bounded(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(0.5)

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    world.avatar.cut = hang  # type: ignore[method-assign]
    world.clear()
    await world.finished(segment, within_s=0.41)
