"""The player under every interruption at every phase: laws 1, 2, 3 and 5, in virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from fakes import lost, speech
from virtual import now, virtual
from world import World

from avatar_core.contracts.playback import TakeState

pytestmark = virtual

PHASES = {
    "at once": 0.0,
    "as the first chunk is sent": 0.005,
    "before the first sound": 0.04,
    "at the first sound": 0.06,
    "in the middle": 1.0,
    "in a silence": 1.15,
    "as the last chunk was pushed": 1.55,
    "after the last chunk was pushed": 1.9,
    "at the end": 2.045,
}
"""Of a segment of 2 s over a road with 50 ms of latency."""
at_every_phase = pytest.mark.parametrize("at_s", PHASES.values(), ids=PHASES.keys())


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.aclose()


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
    assert world.avatar.road.lost is not None


@pytest.mark.parametrize("call", ["begin", "push", "end"])
async def test_a_road_that_takes_nothing_is_lost(world: World, call: str) -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    segment = world.say(2.0)
    if call != "begin":
        await asyncio.sleep(1.0)
    setattr(world.avatar, call, hang)
    await world.finished(segment, within_s=2.0 + 5.0 + 0.7)
    assert world.avatar.road.lost is not None
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
    assert world.avatar.road.lost is None


async def test_a_road_that_ends_every_take_at_once_is_lost(world: World) -> None:
    begin = world.avatar.begin

    async def begin_and_end(take: object) -> None:
        await begin(take)  # type: ignore[arg-type]
        world.avatar.split()

    world.avatar.begin = begin_and_end  # type: ignore[method-assign]
    segment = world.say(1.0)
    await world.finished(segment, within_s=2.0)
    world.check_whole(segment)
    assert world.avatar.road.lost is not None


async def test_restart_goes_on_in_another_take(world: World) -> None:
    segment = world.say(2.0)
    await asyncio.sleep(1.0)
    world.player.restart(world.avatar.road)
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
    world.player._roads = None
    segment = world.say(1.0)
    await asyncio.sleep(5.0)
    world.player.use(world)
    await world.finished(segment, within_s=1.2)
    world.check_whole(segment)
    await world.aclose()
