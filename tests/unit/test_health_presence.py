"""The health in virtual time: who is gone, and who only seems to be."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.link import RoomEvent
from avatar_core.contracts.playback import TakeState
from tests.unit.health_harness import SOON_S, Watched

pytestmark = pytest.mark.virtual_time


async def test_left_and_the_server_says_why() -> None:
    watched = await Watched.begin()
    watched.room.remove("avatar")
    await asyncio.sleep(SOON_S)
    assert len(watched.verdicts) == 1
    assert "left the room" in watched.verdicts[0][1]
    await watched.close()


async def test_left_unexplained_and_not_back() -> None:
    watched = await Watched.begin()
    watched.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(1.45)
    assert watched.verdicts == []
    await asyncio.sleep(0.1)
    assert len(watched.verdicts) == 1
    assert "left the room" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("who", ["agent", "avatar"])
@pytest.mark.parametrize("away_s", [0.0, 0.08, 0.9])
async def test_the_same_sid_within_a_second_never_left(away_s: float, who: str) -> None:
    watched = await Watched.begin()
    news: list[RoomEvent] = []
    leave = watched.agent.watch(lambda event, _: news.append(event))
    watched.room.reconnect(who, away_s)
    await asyncio.sleep(5.0)
    leave()
    assert news[0] is RoomEvent.LEFT
    assert RoomEvent.JOINED in news
    assert watched.verdicts == []
    await watched.close()


async def test_who_is_told_gone_twice_and_is_back_never_left() -> None:
    watched = await Watched.begin()
    participant = watched.agent.remote_participants()["avatar"]
    watched.room.reconnect("avatar", away_s=0.2)
    await asyncio.sleep(0.1)
    watched.agent.changed(RoomEvent.LEFT, participant)
    await asyncio.sleep(5.0)
    assert "avatar" in watched.agent.remote_participants()
    assert watched.verdicts == []
    await watched.close()


async def test_who_is_told_gone_twice_is_gone_since_the_first() -> None:
    watched = await Watched.begin()
    participant = watched.agent.remote_participants()["avatar"]
    watched.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(1.0)
    watched.agent.changed(RoomEvent.LEFT, participant)
    await asyncio.sleep(0.45)
    assert watched.verdicts == []
    await asyncio.sleep(0.1)
    assert len(watched.verdicts) == 1
    await asyncio.sleep(5.0)
    await watched.close()


async def test_the_same_sid_later_is_a_loss() -> None:
    watched = await Watched.begin()
    watched.room.reconnect("avatar", away_s=1.2)
    await asyncio.sleep(1.19)
    assert watched.verdicts == []
    await asyncio.sleep(0.02)
    assert len(watched.verdicts) == 1
    await watched.close()


@pytest.mark.parametrize("away_s", [0.0, 0.17, 0.9])
async def test_a_reconnect_under_another_sid_is_a_loss(away_s: float) -> None:
    """As a real server has it: who reconnects in full is somebody new to the others."""
    watched = await Watched.begin()
    watched.room.reconnect("avatar", away_s, anew=True)
    await asyncio.sleep(away_s + SOON_S)
    assert len(watched.verdicts) == 1
    assert "a new sid" in watched.verdicts[0][1]
    await watched.close()


@pytest.mark.parametrize("who", ["avatar", "ears"])
async def test_the_participant_that_takes_the_audio_counts_too(who: str) -> None:
    watched = await Watched.begin(audio_identity="ears")
    await watched.enter("ears")
    watched.room.remove(who)
    await asyncio.sleep(1.6)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_a_stranger_may_leave() -> None:
    watched = await Watched.begin()
    await watched.enter("stranger")
    assert "stranger" in watched.agent.remote_participants()
    watched.room.remove("stranger")
    await asyncio.sleep(5.0)
    assert "stranger" not in watched.agent.remote_participants()
    assert watched.verdicts == []
    await watched.close()


@pytest.mark.parametrize("away_s", [0.08, 0.9])
async def test_our_own_reconnect_begins_another_take(away_s: float) -> None:
    watched = await Watched.begin()
    take = watched.speak()
    await watched.play(1.0)
    watched.room.reconnect("agent", away_s)
    watched.pulse.beats = False
    await asyncio.sleep(0.95)
    assert watched.restarts == (1 if away_s < 0.8 else 0)
    watched.pulse.beats = True
    await asyncio.sleep(0.05)
    assert watched.restarts == 1
    assert take.state is TakeState.PLAYING
    await watched.play(1.0)
    assert watched.verdicts == []
    await watched.close()


async def test_moved_to_another_room() -> None:
    watched = await Watched.begin()
    watched.agent.changed(RoomEvent.MOVED, None)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_the_providers_word() -> None:
    watched = await Watched.begin()
    await asyncio.sleep(1.0)
    watched.gone.set_result("the process exited")
    await asyncio.sleep(0.001)
    assert "the process exited" in watched.verdicts[0][1]
    await watched.close()


async def test_after_the_close_nothing_is_judged() -> None:
    watched = await Watched.begin()
    watched.room.reconnect("avatar", away_s=60.0)
    await asyncio.sleep(SOON_S)
    watched.health.close()
    watched.health.close()
    watched.gone.set_result("gone")
    watched.agent.changed(RoomEvent.MOVED, None)
    await asyncio.sleep(5.0)
    assert watched.verdicts == []
    await watched.close()


async def test_the_first_verdict_is_the_last() -> None:
    watched = await Watched.begin()
    watched.speak()
    watched.room.remove("avatar")
    watched.pulse.beats = False
    watched.gone.set_result("gone")
    await asyncio.sleep(5.0)
    watched.agent.changed(RoomEvent.MOVED, None)
    assert len(watched.verdicts) == 1
    await watched.close()


async def test_who_left_before_anybody_watched_is_missed() -> None:
    watched = Watched(left_first=True)
    await asyncio.sleep(2.0)
    assert len(watched.verdicts) == 1
    assert "left the room" in watched.verdicts[0][1]
    await watched.close()
