"""The player plays each segment whole and finishes each exactly once, in virtual time."""

from __future__ import annotations

import asyncio
import time

import pytest

from avatar_core.contracts.playback import TakeState
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.player_harness import PlayerHarness

pytestmark = pytest.mark.virtual_time


async def test_segment_is_heard_whole_and_finishes_once(harness: PlayerHarness) -> None:
    segment = harness.say(3.0)
    await harness.wait_finished(segment, within_s=3.2)
    harness.check_all_heard(segment)
    assert harness.observer.started_ids == [segment]
    assert harness.observer.interrupted[segment] is False
    assert harness.observer.position_s[segment] == pytest.approx(3.0)
    assert harness.observer.progress_s[segment] == pytest.approx(3.0)
    assert [take.state for take in harness.observer.takes] == [TakeState.DONE]


async def test_minute_of_speech_takes_less_than_a_second_of_cpu_time(
    harness: PlayerHarness,
) -> None:
    began = time.process_time()
    segment = harness.say(60.0)
    await harness.wait_finished(segment, within_s=60.2)
    harness.check_all_heard(segment)
    assert time.process_time() - began < 1.0


async def test_consecutive_segments_are_heard_in_order(harness: PlayerHarness) -> None:
    segments = [harness.say(0.5 + 0.1 * number) for number in range(6)]
    await harness.wait_finished(segments[-1], within_s=6.0)
    for segment in segments:
        harness.check_all_heard(segment)
    assert harness.observer.started_ids == harness.observer.finished_ids == segments


async def test_speech_pushed_in_real_time_is_heard_whole(harness: PlayerHarness) -> None:
    pcm = speech(2.0)
    for start in range(0, len(pcm), 960):
        segment = harness.push(pcm[start : start + 960])
        await asyncio.sleep(0.02)
    harness.end()
    await harness.wait_finished(segment, within_s=0.3)
    harness.check_all_heard(segment)


async def test_underrun_does_not_end_the_take(harness: PlayerHarness) -> None:
    pcm = speech(2.0)
    segment = harness.push(pcm[:48_000])
    await asyncio.sleep(9.0)
    harness.push(pcm[48_000:])
    harness.end()
    await harness.wait_finished(segment, within_s=1.2)
    harness.check_all_heard(segment)
    assert len(harness.observer.takes) == 1


async def test_player_starts_another_take_if_a_take_is_done_too_early(
    harness: PlayerHarness,
) -> None:
    segment = harness.say(2.0)
    for _ in range(3):
        await asyncio.sleep(0.4)
        harness.avatar.finish_early()
    await harness.wait_finished(segment, within_s=2.0)
    harness.check_all_heard(segment)
    assert len(harness.observer.takes) == 4


async def test_push_in_progress_is_cancelled_when_its_take_ends(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.avatar.push_s = 4.0
    await asyncio.sleep(0.2)
    harness.avatar.push_s = 0.0
    harness.avatar.finish_early()
    await harness.wait_finished(segment, within_s=1.5)
    harness.check_all_heard(segment)
    assert harness.avatar.transport.lost is None


async def test_transport_that_ends_every_take_at_once_is_lost(harness: PlayerHarness) -> None:
    begin = harness.avatar.begin

    async def begin_and_end(take: object) -> None:
        await begin(take)  # type: ignore[arg-type]
        harness.avatar.finish_early()

    harness.avatar.begin = begin_and_end  # type: ignore[method-assign]
    segment = harness.say(1.0)
    await harness.wait_finished(segment, within_s=2.0)
    harness.check_all_heard(segment)
    assert harness.avatar.transport.lost is not None


async def test_restart_continues_the_segment_in_another_take(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.player.restart(harness.avatar.transport)
    await harness.wait_finished(segment, within_s=1.5)
    harness.check_all_heard(segment)
    assert [take.state for take in harness.observer.takes] == [TakeState.CUT, TakeState.DONE]


async def test_aclose_finishes_every_segment(harness: PlayerHarness) -> None:
    harness.say(2.0)
    harness.say(2.0)
    await asyncio.sleep(0.5)
    await harness.player.aclose()
    assert harness.observer.finished_ids == [1, 2]
    assert harness.observer.takes[0].state is TakeState.CUT
    heard_s = harness.heard_s(1)
    await asyncio.sleep(1.0)
    assert harness.heard_s(1) == heard_s == pytest.approx(0.45, abs=0.01)


async def test_speech_waits_until_a_transport_chooser_is_set() -> None:
    harness = PlayerHarness()
    harness.player._chooser = None
    segment = harness.say(1.0)
    await asyncio.sleep(5.0)
    harness.player.use(harness)
    await harness.wait_finished(segment, within_s=1.2)
    harness.check_all_heard(segment)
    await harness.aclose()


async def test_segment_after_aclose_finishes_at_once(harness: PlayerHarness) -> None:
    await harness.player.aclose()
    segment = harness.say(1.0)
    await harness.wait_finished(segment, within_s=0.01)
    assert harness.observer.interrupted[segment] is True
