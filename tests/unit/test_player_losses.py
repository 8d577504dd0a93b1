"""The player whose transports are lost, at every phase: laws 1, 2, 3 and 5, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.fake_transport import lost
from avatar_core.testing.player_harness import World, at_every_phase

pytestmark = pytest.mark.virtual_time


@at_every_phase
@pytest.mark.parametrize("noticed_s", [0.0, 0.3])
async def test_loss(world: World, at_s: float, noticed_s: float) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(at_s)
    if segment in world.ear.finished_ids:
        return
    await world.die(noticed_s=noticed_s)
    await world.finished(segment, within_s=2.0 + 0.6 + 0.3)
    world.check_whole(segment, twice_s=0.6 + 0.06)  # the report under way was never told
    assert world.ear.interrupted[segment] is False
    assert world.ear.started_ids == [segment]
    assert world.ear.position_s[segment] == pytest.approx(2.0, abs=0.005)


async def test_after_a_loss_speech_starts_at_the_last_silence(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.05)  # in the third word, which starts at 0.8
    world.avatar.die()
    world.lose()
    await world.finished(segment, within_s=2.0)
    assert world.ear.takes[1].offset_s == pytest.approx(0.79, abs=0.011)


async def test_a_pause_in_the_repeated_word_skips_nothing(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.1)
    world.avatar.die()
    world.lose()
    await asyncio.sleep(0.1)
    world.pause()
    await asyncio.sleep(1.0)
    world.resume()
    await world.finished(segment, within_s=2.0)
    torn, after = world.ear.takes[1:3]
    assert after.offset_s == pytest.approx(torn.offset_s + torn.position_s)


async def test_loss_while_paused(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.pause()
    await asyncio.sleep(1.0)
    world.avatar.die()
    world.lose()
    await asyncio.sleep(5.0)
    assert len(world.ear.takes) == 1
    world.resume()
    await world.finished(segment, within_s=1.5)
    world.check_whole(segment)


@pytest.mark.parametrize("interrupt", ["clear", "pause"])
async def test_loss_during_a_cut(world: World, interrupt: str) -> None:
    world.avatar.cut_s = None
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    getattr(world, interrupt)()
    await asyncio.sleep(0.1)
    world.lose()
    await asyncio.sleep(0.05)
    if interrupt == "pause":
        world.resume()
        await world.finished(segment, within_s=2.0)
        world.check_whole(segment, twice_s=0.66)
    else:
        assert world.ear.finished_ids == [segment]


async def test_loss_while_speech_is_held(world: World) -> None:
    world.held = asyncio.Event()
    segment = world.say(1.0)
    await asyncio.sleep(0.5)
    world.lose()
    world.held.set()
    await world.finished(segment, within_s=1.3)
    world.check_whole(segment)


async def test_a_road_lost_between_segments_is_not_used(world: World) -> None:
    await world.finished(world.say(0.5), within_s=0.7)
    world.lose()
    segment = world.say(0.5)
    await world.finished(segment, within_s=0.7)
    assert [take.segment_id for take in world.avatar.begun] == [1]


@pytest.mark.parametrize("error", [OSError("broken pipe"), TypeError("a defect"), None])
async def test_a_road_that_raises_is_lost(world: World, error: Exception | None) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.avatar.push_error = error or lost()
    await world.finished(segment, within_s=2.0)
    world.check_whole(segment, twice_s=0.66)
    assert world.avatar.transport.lost is not None


@pytest.mark.parametrize("call", ["begin", "push", "end"])
async def test_a_road_that_takes_nothing_is_lost(world: World, call: str) -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    segment = world.say(2.0)
    if call != "begin":
        await asyncio.sleep(1.0)
    setattr(world.avatar, call, hang)
    await world.finished(segment, within_s=2.0 + 5.0 + 0.7)
    assert world.avatar.transport.lost is not None
    world.check_whole(segment, twice_s=0.66)


async def test_a_tracker_that_breaks_loses_its_road(world: World) -> None:
    def follow(_: object) -> None:
        raise KeyError("a defect")

    world.avatar.follow = follow  # type: ignore[method-assign]
    segment = world.say(1.0)
    await world.finished(segment, within_s=1.3)
    world.check_whole(segment)


async def test_both_roads_fail() -> None:
    world = World(has_voice=False)
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.lose()
    await world.finished(segment, within_s=0.5)
    assert len(world.ear.errors) == 1
    assert world.ear.interrupted[segment]
    await world.aclose()


async def test_the_voice_fails_too(world: World) -> None:
    assert world.voice is not None
    world.voice.push_error = lost("the room is gone")
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.lose()
    await world.finished(segment, within_s=0.5)
    assert len(world.ear.errors) == 1
    assert world.ear.interrupted[segment]
