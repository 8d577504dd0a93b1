"""The player while nobody interrupts it: laws 1, 2, 3 and 5, in virtual time."""

from __future__ import annotations

import asyncio
import time

import pytest

from avatar_core.contracts.playback import TakeState
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.player_harness import World

pytestmark = pytest.mark.virtual_time


async def test_a_segment_is_heard_whole_and_finished_once(world: World) -> None:
    segment = world.say(3.0)
    await world.finished(segment, within_s=3.2)
    world.check_whole(segment)
    assert world.ear.started_ids == [segment]
    assert world.ear.interrupted[segment] is False
    assert world.ear.position_s[segment] == pytest.approx(3.0)
    assert world.ear.progress_s[segment] == pytest.approx(3.0)
    assert [take.state for take in world.ear.takes] == [TakeState.DONE]


async def test_a_minute_of_speech_takes_no_time(world: World) -> None:
    began = time.perf_counter()
    segment = world.say(60.0)
    await world.finished(segment, within_s=60.2)
    world.check_whole(segment)
    assert time.perf_counter() - began < 1.0


async def test_segments_back_to_back(world: World) -> None:
    segments = [world.say(0.5 + 0.1 * number) for number in range(6)]
    await world.finished(segments[-1], within_s=6.0)
    for segment in segments:
        world.check_whole(segment)
    assert world.ear.started_ids == world.ear.finished_ids == segments


async def test_speech_that_arrives_as_fast_as_it_is_spoken(world: World) -> None:
    pcm = speech(2.0)
    for start in range(0, len(pcm), 960):
        segment = world.push(pcm[start : start + 960])
        await asyncio.sleep(0.02)
    world.end()
    await world.finished(segment, within_s=0.3)
    world.check_whole(segment)


async def test_an_underrun_ends_no_take(world: World) -> None:
    pcm = speech(2.0)
    segment = world.push(pcm[:48_000])
    await asyncio.sleep(9.0)
    world.push(pcm[48_000:])
    world.end()
    await world.finished(segment, within_s=1.2)
    world.check_whole(segment)
    assert len(world.ear.takes) == 1


async def test_done_before_the_end_is_another_take(world: World) -> None:
    segment = world.say(2.0)
    for _ in range(3):
        await asyncio.sleep(0.4)
        world.avatar.split()
    await world.finished(segment, within_s=2.0)
    world.check_whole(segment)
    assert len(world.ear.takes) == 4


async def test_a_chunk_under_way_does_not_outlast_its_take(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.avatar.push_s = 4.0
    await asyncio.sleep(0.2)
    world.avatar.push_s = 0.0
    world.avatar.split()
    await world.finished(segment, within_s=1.5)
    world.check_whole(segment)
    assert world.avatar.transport.lost is None


async def test_a_road_that_ends_every_take_at_once_is_lost(world: World) -> None:
    begin = world.avatar.begin

    async def begin_and_end(take: object) -> None:
        await begin(take)  # type: ignore[arg-type]
        world.avatar.split()

    world.avatar.begin = begin_and_end  # type: ignore[method-assign]
    segment = world.say(1.0)
    await world.finished(segment, within_s=2.0)
    world.check_whole(segment)
    assert world.avatar.transport.lost is not None


async def test_restart_goes_on_in_another_take(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.player.restart(world.avatar.transport)
    await world.finished(segment, within_s=1.5)
    world.check_whole(segment)
    assert [take.state for take in world.ear.takes] == [TakeState.CUT, TakeState.DONE]


async def test_closing_finishes_everything(world: World) -> None:
    world.say(2.0)
    world.say(2.0)
    await asyncio.sleep(0.5)
    await world.player.aclose()
    assert world.ear.finished_ids == [1, 2]
    assert world.ear.takes[0].state is TakeState.CUT
    heard_s = world.heard_s(1)
    await asyncio.sleep(1.0)
    assert world.heard_s(1) == heard_s == pytest.approx(0.45, abs=0.01)


async def test_speech_before_there_are_roads_is_kept() -> None:
    world = World()
    world.player._transports = None
    segment = world.say(1.0)
    await asyncio.sleep(5.0)
    world.player.use(world)
    await world.finished(segment, within_s=1.2)
    world.check_whole(segment)
    await world.aclose()


async def test_what_comes_after_the_close_is_over_at_once(world: World) -> None:
    await world.player.aclose()
    segment = world.say(1.0)
    await world.finished(segment, within_s=0.01)
    assert world.ear.interrupted[segment] is True
