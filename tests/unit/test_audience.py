"""Speech waits until somebody who should hear it can hear it."""

from __future__ import annotations

import asyncio
from typing import TypeGuard

import pytest
from avatar_provider_mock import MockSettings

import avatar_core
from avatar_core import TakeFinished
from avatar_core.contracts.link import RoomLink
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.media import MemoryAudioTrack
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time

SPOKEN_WORDS = 12
PROVIDERS = [
    pytest.param("voice", id="voice"),
    pytest.param("mock", id="worker-that-reports"),
    pytest.param(MockSettings(scenario="stock=1"), id="stock-worker"),
]


@pytest.fixture
def silent_room() -> MemoryRoom:
    """Return a room without a listener."""
    return MemoryRoom(listening=False)


def conversation(room: MemoryRoom, provider: Item, timeout_s: float | None = None) -> Conversation:
    """Return a conversation with an avatar of `provider` in `room`."""
    settings = AvatarSettings(listener_timeout_s=timeout_s)
    avatar = avatar_core.create_avatar(provider, livekit=IN_MEMORY, settings=settings)
    return Conversation(avatar, room)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("late_s", [0.0, 0.5, 1.0, 2.0, 6.0, 60.0])
async def test_late_listener_hears_every_word(
    silent_room: MemoryRoom, provider: Item, late_s: float
) -> None:
    async with conversation(silent_room, provider) as talk:
        turn = talk.say(SPOKEN_WORDS)
        await asyncio.sleep(late_s)
        assert silent_room.recording.seconds() == 0
        assert talk.history() == []
        silent_room.join("user")
        silent_room.listen()
        await talk.over(turn)
        assert talk.faults() == []
        assert len(turn.heard) == SPOKEN_WORDS


@pytest.mark.parametrize("provider", PROVIDERS[:2])
async def test_user_in_the_room_who_subscribes_late_hears_every_word(
    silent_room: MemoryRoom, provider: Item
) -> None:
    silent_room.join("user")
    async with conversation(silent_room, provider) as talk:
        turn = talk.say(SPOKEN_WORDS)
        await asyncio.sleep(5.0)
        silent_room.listen()
        await talk.over(turn)
        assert talk.faults() == []
        assert len(turn.heard) == SPOKEN_WORDS


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_speech_begins_without_a_listener_after_the_time_limit(
    silent_room: MemoryRoom, provider: Item
) -> None:
    async with conversation(silent_room, provider, timeout_s=4.0) as talk:
        await talk.avatar.wait_for_join()
        started_s = asyncio.get_running_loop().time()
        await talk.say(SPOKEN_WORDS).handle
        spoken_s = asyncio.get_running_loop().time() - started_s
        assert spoken_s > 4.0
        started_s = asyncio.get_running_loop().time()
        await talk.say(SPOKEN_WORDS).handle
        assert asyncio.get_running_loop().time() - started_s == pytest.approx(
            spoken_s - 4.0, abs=0.5
        )


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_interruption_ends_speech_that_waits_for_a_listener(
    silent_room: MemoryRoom, provider: Item
) -> None:
    async with conversation(silent_room, provider) as talk:
        turn = talk.say(SPOKEN_WORDS)
        await asyncio.sleep(3.0)
        turn.cut = True
        async with asyncio.timeout(1.0):
            await turn.handle.interrupt()
        silent_room.join("user")
        silent_room.listen()
        later = await talk.over(talk.say(SPOKEN_WORDS))
        assert [word.word for word in later.heard] == list(later.spoken_words)
        assert turn.history == ""


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_session_closes_while_speech_waits_for_a_listener(
    silent_room: MemoryRoom, provider: Item
) -> None:
    async with conversation(silent_room, provider) as talk:
        talk.say(SPOKEN_WORDS)
        await asyncio.sleep(3.0)
        async with asyncio.timeout(2.0):
            await talk.session.aclose()


async def test_avatar_that_joins_while_the_voice_waits_says_the_greeting(
    silent_room: MemoryRoom,
) -> None:
    provider = MockSettings(scenario="join_delay_s=12")
    async with conversation(silent_room, provider) as talk:
        turn = talk.say(SPOKEN_WORDS)
        await talk.avatar.wait_for_join()
        await asyncio.sleep(5.0)
        silent_room.listen()
        await talk.over(turn)
        assert talk.faults() == []
        assert {run.identity for run in silent_room.recording.runs} == {talk.avatar.avatar_identity}


async def test_subscription_of_another_agent_does_not_start_the_voice(
    silent_room: MemoryRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def subscribe_at_once(_: MemoryAudioTrack) -> None:
        """Return at once, as if the other agent had subscribed."""

    monkeypatch.setattr(MemoryAudioTrack, "wait_for_subscription", subscribe_at_once)
    silent_room.join("transcriber", is_agent=True)
    async with conversation(silent_room, "voice") as talk:
        turn = talk.say(SPOKEN_WORDS)
        await asyncio.sleep(5.0)
        assert not turn.handle.done()
        silent_room.join("user")
        silent_room.listen()
        await talk.over(turn)
        assert talk.faults() == []


async def test_voice_replaces_a_lost_avatar_before_the_user_is_visible(
    silent_room: MemoryRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    # LiveKit shows a participant that publishes nothing 2.4 s after its join.
    monkeypatch.setattr(MemoryLink, "has_listener", RoomLink.has_listener)
    async with conversation(silent_room, MockSettings(scenario="crash_at_s=1.0")) as talk:
        await talk.avatar.wait_for_join()
        silent_room.join("user")
        silent_room.listen()
        turn = talk.say(SPOKEN_WORDS)
        await asyncio.sleep(0.5)
        silent_room.join("transcriber", is_agent=True)
        silent_room.published("transcriber", "video")
        await talk.over(turn)
        assert talk.faults() == []
        second = next(event for _, event in talk.events if is_voice_take(event))
        assert second.heard_s > 2.0


def is_voice_take(event: object) -> TypeGuard[TakeFinished]:
    """Return whether a take of the agent's own voice has ended."""
    return isinstance(event, TakeFinished) and event.provider == "voice"
