"""Clears and pauses at every phase of a segment keep the laws of playback, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.clock import now
from avatar_core.testing.player_harness import PlayerHarness
from tests.unit.phases import at_every_phase

pytestmark = pytest.mark.virtual_time


@at_every_phase
async def test_clear_finishes_the_segment_at_the_heard_position(
    harness: PlayerHarness, at_s: float
) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    harness.clear()
    await harness.wait_finished(segment, within_s=0.1)
    assert harness.observer.interrupted[segment]
    assert harness.observer.position_s[segment] == pytest.approx(harness.heard_s(segment), abs=0.01)
    heard_s = harness.heard_s(segment)
    await asyncio.sleep(3.0)
    assert harness.heard_s(segment) == heard_s


@at_every_phase
async def test_segment_after_a_clear_is_heard_whole(harness: PlayerHarness, at_s: float) -> None:
    first, second = harness.say(2.0), harness.say(1.0)
    await asyncio.sleep(at_s)
    harness.clear()
    third = harness.say(1.0)
    await asyncio.sleep(0)
    await harness.wait_finished(third, within_s=1.4)
    assert harness.observer.interrupted == {first: True, second: True, third: False}
    assert harness.heard_s(second) == 0.0
    harness.check_all_heard(third)


@at_every_phase
async def test_second_clear_has_no_effect(harness: PlayerHarness, at_s: float) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    harness.clear()
    await asyncio.sleep(0.01)
    harness.clear()
    await harness.wait_finished(segment, within_s=0.1)


async def test_frames_after_a_clear_belong_to_the_cleared_segment(harness: PlayerHarness) -> None:
    segment = harness.push(bytes(48_000))
    await asyncio.sleep(0.2)
    harness.clear()
    await harness.wait_finished(segment, within_s=0.1)
    assert harness.push(bytes(48_000)) == segment
    await asyncio.sleep(1.0)
    assert len(harness.observer.takes) == 1
    harness.end()
    after = harness.say(0.5)
    await harness.wait_finished(after, within_s=0.7)
    harness.check_all_heard(after)


async def test_clear_finishes_a_segment_that_waits_for_its_transport(
    harness: PlayerHarness,
) -> None:
    harness.start_gate = asyncio.Event()
    segment = harness.say(1.0)
    await asyncio.sleep(0.5)
    harness.clear()
    await harness.wait_finished(segment, within_s=0.05)
    assert (harness.observer.takes, harness.observer.started_ids) == ([], [])
    harness.start_gate.set()
    after = harness.say(1.0)
    await harness.wait_finished(after, within_s=1.2)
    harness.check_all_heard(after)


@at_every_phase
async def test_clear_does_not_end_a_pause(harness: PlayerHarness, at_s: float) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    harness.pause()
    await asyncio.sleep(5.0)
    if segment not in harness.observer.finished_ids:
        harness.clear()
        await harness.wait_finished(segment, within_s=0.05)
    after = harness.say(0.5)
    await asyncio.sleep(5.0)
    assert harness.heard_s(after) == 0.0, "the clear ended the pause"
    harness.resume()
    await harness.wait_finished(after, within_s=0.7)
    harness.check_all_heard(after)


@at_every_phase
async def test_clear_just_after_a_pause_finishes_the_segment(
    harness: PlayerHarness, at_s: float
) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    harness.pause()
    harness.clear()
    await harness.wait_finished(segment, within_s=0.1)


@at_every_phase
@pytest.mark.parametrize("paused_s", [0.0, 0.01, 1.0])
async def test_resume_continues_at_the_paused_sample(
    harness: PlayerHarness, at_s: float, paused_s: float
) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    harness.pause()
    if paused_s:
        await asyncio.sleep(paused_s)
    harness.resume()
    await harness.wait_finished(segment, within_s=2.3 - at_s)
    harness.check_all_heard(segment, repeated_s=0.0)
    assert harness.observer.interrupted[segment] is False
    assert harness.observer.started_ids == [segment]
    assert harness.observer.position_s[segment] == pytest.approx(2.0, abs=0.005)


async def test_paused_segment_is_silent_until_resume(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(0.7)
    harness.pause()
    await asyncio.sleep(0.05)
    heard_s = harness.heard_s(segment)
    await asyncio.sleep(30.0)
    assert harness.heard_s(segment) == heard_s == pytest.approx(0.65, abs=0.01)
    assert segment not in harness.observer.finished_ids
    harness.resume()
    await harness.wait_finished(segment, within_s=1.5)
    harness.check_all_heard(segment)


async def test_pause_before_the_first_frame_delays_the_segment(harness: PlayerHarness) -> None:
    harness.pause()
    segment = harness.say(1.0)
    await asyncio.sleep(10.0)
    assert harness.observer.takes == []
    harness.resume()
    await harness.wait_finished(segment, within_s=1.2)
    harness.check_all_heard(segment)


@pytest.mark.parametrize("begin_s", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("push_s", [0.0, 0.015])
@at_every_phase
async def test_repeated_pauses_lose_no_sample(
    harness: PlayerHarness, at_s: float, push_s: float, begin_s: float
) -> None:
    harness.avatar.push_s, harness.avatar.begin_s = push_s, begin_s
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    for gap_s in (0.0, 0.003, 0.0, 0.011, 0.02):
        harness.pause()
        harness.resume()
        await asyncio.sleep(gap_s)
    await harness.wait_finished(segment, within_s=7.0)
    harness.check_all_heard(segment)


@at_every_phase
async def test_cut_without_a_confirmation_ends_at_its_deadline(
    harness: PlayerHarness, at_s: float
) -> None:
    harness.avatar.cut_s = None
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    began = now()
    harness.clear()
    await harness.wait_finished(segment, within_s=1.0)
    assert now() - began <= 0.4 + 1e-3
    after = harness.say(0.5)
    await harness.wait_finished(after, within_s=0.7)
    harness.check_all_heard(after)


async def test_next_segment_does_not_wait_for_a_late_cut_confirmation(
    harness: PlayerHarness,
) -> None:
    harness.avatar.cut_s = 0.8
    segment = harness.say(2.0)
    await asyncio.sleep(0.5)
    harness.clear()
    after = harness.say(1.0)
    await harness.wait_finished(segment, within_s=0.41)
    await harness.wait_finished(after, within_s=1.2)
    harness.check_all_heard(after)


async def test_cut_that_hangs_ends_at_its_deadline(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(0.5)

    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    harness.avatar.cut = hang  # type: ignore[method-assign]
    harness.clear()
    await harness.wait_finished(segment, within_s=0.41)
