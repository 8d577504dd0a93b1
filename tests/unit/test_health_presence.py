"""The presence check reports participants that left, and keeps those that only reconnect."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.playback import TakeState
from avatar_core.testing.clock import now
from tests.unit.health_harness import DELIVERY_S, HealthHarness

pytestmark = pytest.mark.virtual_time


async def test_participant_that_left_for_a_stated_reason_is_lost_at_once() -> None:
    harness = await HealthHarness.start()
    harness.room.remove("avatar")
    await asyncio.sleep(DELIVERY_S)
    assert len(harness.losses) == 1
    assert "left the room" in harness.losses[0][1]
    await harness.close()


async def test_participant_that_left_without_a_reason_is_lost_after_a_grace_period() -> None:
    harness = await HealthHarness.start()
    harness.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(1.45)
    assert harness.losses == []
    await asyncio.sleep(0.1)
    assert len(harness.losses) == 1
    assert "left the room" in harness.losses[0][1]
    await harness.close()


@pytest.mark.parametrize("who", ["agent", "avatar"])
@pytest.mark.parametrize("away_s", [0.0, 0.08, 0.9])
async def test_participant_that_returns_with_its_sid_in_a_second_is_kept(
    away_s: float, who: str
) -> None:
    harness = await HealthHarness.start()
    events: list[RoomEvent] = []
    unwatch = harness.agent.watch(lambda event, _: events.append(event))
    harness.room.reconnect(who, away_s)
    await asyncio.sleep(5.0)
    unwatch()
    assert events[0] is RoomEvent.LEFT
    assert RoomEvent.JOINED in events
    assert harness.losses == []
    await harness.close()


async def test_second_left_event_does_not_end_a_reconnect() -> None:
    harness = await HealthHarness.start()
    participant = harness.agent.remote_participants()["avatar"]
    harness.room.reconnect("avatar", away_s=0.2)
    await asyncio.sleep(0.1)
    harness.agent.changed(RoomEvent.LEFT, participant)
    await asyncio.sleep(5.0)
    assert "avatar" in harness.agent.remote_participants()
    assert harness.losses == []
    await harness.close()


async def test_second_left_event_does_not_extend_the_grace_period() -> None:
    harness = await HealthHarness.start()
    participant = harness.agent.remote_participants()["avatar"]
    harness.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(1.0)
    harness.agent.changed(RoomEvent.LEFT, participant)
    await asyncio.sleep(0.45)
    assert harness.losses == []
    await asyncio.sleep(0.1)
    assert len(harness.losses) == 1
    await asyncio.sleep(5.0)
    await harness.close()


async def test_participant_that_is_away_for_more_than_a_second_is_lost() -> None:
    harness = await HealthHarness.start()
    harness.room.reconnect("avatar", away_s=1.2)
    await asyncio.sleep(1.19)
    assert harness.losses == []
    await asyncio.sleep(0.02)
    assert len(harness.losses) == 1
    await harness.close()


@pytest.mark.parametrize("away_s", [0.0, 0.17, 0.9])
async def test_participant_that_returns_with_another_sid_is_lost(away_s: float) -> None:
    """On a real server a full reconnect looks to the others like a new participant."""
    harness = await HealthHarness.start()
    harness.room.reconnect("avatar", away_s, new_sid=True)
    await asyncio.sleep(away_s + DELIVERY_S)
    assert len(harness.losses) == 1
    assert "a new sid" in harness.losses[0][1]
    await harness.close()


@pytest.mark.parametrize("who", ["avatar", "audio"])
async def test_avatar_and_its_audio_participant_are_both_watched(who: str) -> None:
    harness = await HealthHarness.start(audio_identity="audio")
    await harness.publish_as("audio")
    harness.room.remove(who)
    await asyncio.sleep(1.6)
    assert len(harness.losses) == 1
    await harness.close()


async def test_other_participants_that_leave_cause_no_loss() -> None:
    harness = await HealthHarness.start()
    await harness.publish_as("stranger")
    assert "stranger" in harness.agent.remote_participants()
    harness.room.remove("stranger")
    await asyncio.sleep(5.0)
    assert "stranger" not in harness.agent.remote_participants()
    assert harness.losses == []
    await harness.close()


@pytest.mark.parametrize("away_s", [0.08, 0.9])
async def test_reconnect_of_the_agent_starts_another_take(away_s: float) -> None:
    harness = await HealthHarness.start()
    take = harness.start_take()
    await harness.report_playback(1.0)
    harness.room.reconnect("agent", away_s)
    harness.heartbeat.is_beating = False
    await asyncio.sleep(0.95)
    assert harness.restarts == (1 if away_s < 0.8 else 0)
    harness.heartbeat.is_beating = True
    await asyncio.sleep(0.05)
    assert harness.restarts == 1
    assert take.state is TakeState.PLAYING
    await harness.report_playback(1.0)
    assert harness.losses == []
    await harness.close()


async def test_move_to_another_room_loses_the_avatar() -> None:
    harness = await HealthHarness.start()
    harness.agent.changed(RoomEvent.MOVED, None)
    assert len(harness.losses) == 1
    await harness.close()


async def test_session_end_that_the_provider_reports_loses_the_avatar() -> None:
    harness = await HealthHarness.start()
    await asyncio.sleep(1.0)
    harness.session_end.set_result("the process exited")
    await asyncio.sleep(0.001)
    assert "the process exited" in harness.losses[0][1]
    await harness.close()


async def test_closed_health_check_reports_no_loss() -> None:
    harness = await HealthHarness.start()
    harness.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(DELIVERY_S)
    harness.health.close()
    harness.health.close()
    harness.session_end.set_result("it expired")
    harness.agent.changed(RoomEvent.MOVED, None)
    await asyncio.sleep(5.0)
    assert harness.losses == []
    await harness.close()


async def test_transport_is_lost_only_once() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    harness.room.remove("avatar")
    harness.heartbeat.is_beating = False
    harness.session_end.set_result("it expired")
    await asyncio.sleep(5.0)
    harness.agent.changed(RoomEvent.MOVED, None)
    assert len(harness.losses) == 1
    await harness.close()


async def test_participant_that_left_before_the_check_began_is_lost() -> None:
    harness = HealthHarness(left_first=True)
    await asyncio.sleep(2.0)
    assert len(harness.losses) == 1
    assert "left the room" in harness.losses[0][1]
    await harness.close()


async def test_avatar_without_an_audible_track_is_lost_while_audio_is_unheard() -> None:
    harness = await HealthHarness.start()
    harness.start_take()
    harness.room.published("avatar", "audio", unpublished=True)
    began = now()
    while not harness.losses:
        await harness.report_playback(0.1)
    assert harness.losses[0][0] - began == pytest.approx(0.2, abs=0.1)
    assert "muted or unpublished" in harness.losses[0][1]
    await harness.close()


async def test_avatar_that_mutes_its_track_while_idle_is_kept() -> None:
    harness = await HealthHarness.start()
    harness.room.published("avatar", "audio", unpublished=True)
    await asyncio.sleep(5.0)
    harness.room.published("avatar", "audio")
    harness.start_take()
    await harness.report_playback(3.0)
    assert harness.losses == []
    await harness.close()


async def test_avatar_that_never_published_audio_is_kept() -> None:
    harness = HealthHarness()
    harness.start_take()
    await harness.report_playback(3.0)
    assert harness.losses == []
    await harness.close()


async def test_track_that_was_muted_while_the_agent_was_away_loses_the_avatar() -> None:
    harness = await HealthHarness.start()
    take = harness.start_take()
    harness.room.reconnect("agent", away_s=0.3)
    await asyncio.sleep(0.1)
    harness.room.mute("avatar")
    await harness.report_playback(0.5)
    heard_s = take.position_s
    await harness.report_playback(2.0)
    assert take.position_s == heard_s
    assert len(harness.losses) == 1
    assert "muted or unpublished" in harness.losses[0][1]
    await harness.close()


async def test_position_advances_again_after_the_track_was_unmuted() -> None:
    harness = await HealthHarness.start()
    take = harness.start_take()
    harness.room.mute("avatar")
    await harness.report_playback(0.1)
    assert take.position_s == 0.0
    harness.room.mute("avatar", muted=False)
    await harness.report_playback(0.3)
    assert take.position_s == pytest.approx(0.3)
    assert harness.losses == []
    await harness.close()
