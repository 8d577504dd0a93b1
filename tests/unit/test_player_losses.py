"""Lost transports at every phase of a segment keep the laws of playback, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.fake_transport import lost_error
from avatar_core.testing.player_harness import PlayerHarness
from tests.unit.phases import at_every_phase

pytestmark = pytest.mark.virtual_time


@at_every_phase
@pytest.mark.parametrize("noticed_s", [0.0, 0.3])
async def test_segment_continues_on_the_voice_after_a_loss(
    harness: PlayerHarness, at_s: float, noticed_s: float
) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(at_s)
    if segment in harness.observer.finished_ids:
        return
    await harness.die(noticed_s=noticed_s)
    await harness.wait_finished(segment, within_s=2.0 + 0.6 + 0.3)
    harness.check_all_heard(segment, repeated_s=0.6 + 0.06)  # the last report never arrived
    assert harness.observer.interrupted[segment] is False
    assert harness.observer.started_ids == [segment]
    assert harness.observer.position_s[segment] == pytest.approx(2.0, abs=0.005)


async def test_take_after_a_loss_starts_at_the_last_silence(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.05)  # in the third word, which starts at 0.8
    harness.avatar.die()
    harness.lose()
    await harness.wait_finished(segment, within_s=2.0)
    assert harness.observer.takes[1].offset_s == pytest.approx(0.79, abs=0.011)


async def test_pause_in_the_repeated_word_skips_no_audio(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.1)
    harness.avatar.die()
    harness.lose()
    await asyncio.sleep(0.1)
    harness.pause()
    await asyncio.sleep(1.0)
    harness.resume()
    await harness.wait_finished(segment, within_s=2.0)
    lost_take, after = harness.observer.takes[1:3]
    assert after.offset_s == pytest.approx(lost_take.offset_s + lost_take.position_s)


async def test_loss_in_a_pause_starts_no_take_before_resume(harness: PlayerHarness) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.pause()
    await asyncio.sleep(1.0)
    harness.avatar.die()
    harness.lose()
    await asyncio.sleep(5.0)
    assert len(harness.observer.takes) == 1
    harness.resume()
    await harness.wait_finished(segment, within_s=1.5)
    harness.check_all_heard(segment)


@pytest.mark.parametrize("interrupt", ["clear", "pause"])
async def test_loss_during_a_cut_ends_the_wait_for_its_confirmation(
    harness: PlayerHarness, interrupt: str
) -> None:
    harness.avatar.cut_s = None
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    getattr(harness, interrupt)()
    await asyncio.sleep(0.1)
    harness.lose()
    await asyncio.sleep(0.05)
    if interrupt == "pause":
        harness.resume()
        await harness.wait_finished(segment, within_s=2.0)
        harness.check_all_heard(segment, repeated_s=0.66)
    else:
        assert harness.observer.finished_ids == [segment]


async def test_loss_before_the_first_take_moves_the_segment_to_the_voice(
    harness: PlayerHarness,
) -> None:
    harness.start_gate = asyncio.Event()
    segment = harness.say(1.0)
    await asyncio.sleep(0.5)
    harness.lose()
    harness.start_gate.set()
    await harness.wait_finished(segment, within_s=1.3)
    harness.check_all_heard(segment)


async def test_transport_lost_between_segments_is_not_used(harness: PlayerHarness) -> None:
    await harness.wait_finished(harness.say(0.5), within_s=0.7)
    harness.lose()
    segment = harness.say(0.5)
    await harness.wait_finished(segment, within_s=0.7)
    assert [take.segment_id for take in harness.avatar.begun] == [1]


@pytest.mark.parametrize("error", [OSError("broken pipe"), TypeError("a bug"), None])
async def test_transport_whose_sink_raises_is_lost(
    harness: PlayerHarness, error: Exception | None
) -> None:
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.avatar.push_error = error or lost_error()
    await harness.wait_finished(segment, within_s=2.0)
    harness.check_all_heard(segment, repeated_s=0.66)
    assert harness.avatar.transport.lost is not None


@pytest.mark.parametrize("call", ["begin", "push", "end"])
async def test_transport_whose_sink_hangs_is_lost(harness: PlayerHarness, call: str) -> None:
    async def hang(_: object) -> None:
        await asyncio.Event().wait()

    segment = harness.say(2.0)
    if call != "begin":
        await asyncio.sleep(1.0)
    setattr(harness.avatar, call, hang)
    await harness.wait_finished(segment, within_s=2.0 + 5.0 + 0.7)
    assert harness.avatar.transport.lost is not None
    harness.check_all_heard(segment, repeated_s=0.66)


async def test_transport_whose_tracker_raises_is_lost(harness: PlayerHarness) -> None:
    def follow(_: object) -> None:
        raise KeyError("a bug")

    harness.avatar.follow = follow  # type: ignore[method-assign]
    segment = harness.say(1.0)
    await harness.wait_finished(segment, within_s=1.3)
    harness.check_all_heard(segment)


async def test_loss_without_a_voice_finishes_the_segment() -> None:
    harness = PlayerHarness(has_voice=False)
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.lose()
    await harness.wait_finished(segment, within_s=0.5)
    assert len(harness.observer.errors) == 1
    assert harness.observer.interrupted[segment]
    await harness.aclose()


async def test_loss_of_the_voice_finishes_the_segment(harness: PlayerHarness) -> None:
    assert harness.voice is not None
    harness.voice.push_error = lost_error("the room closed.")
    segment = harness.say(2.0)
    await asyncio.sleep(1.0)
    harness.lose()
    await harness.wait_finished(segment, within_s=0.5)
    assert len(harness.observer.errors) == 1
    assert harness.observer.interrupted[segment]
