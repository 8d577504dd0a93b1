"""A vendor's worker that dies is replaced by the voice within a second, and loses no word."""

from __future__ import annotations

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.events import AvatarFailed, AvatarState
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY

pytestmark = pytest.mark.virtual_time

FAULT_S = [2.05, 2.2, 2.35, 2.6, 3.0]
MOST_SILENCE_S = 0.75
SPOKEN_WORDS = 13


def conversation(scenario: str, retries: int = 0) -> Conversation:
    """Return a conversation with a worker that speaks LiveKit's stock wire."""
    provider = MockSettings(width=64, height=64, scenario=f"stock=1,{scenario}")
    settings = AvatarSettings(retries=retries)
    return Conversation(create_avatar(provider, livekit=IN_MEMORY, settings=settings))


@pytest.mark.parametrize("fault_s", FAULT_S)
@pytest.mark.parametrize("fault", ["crash", "freeze"])
async def test_voice_continues_after_a_stock_worker_dies(fault: str, fault_s: float) -> None:
    async with conversation(f"{fault}_at_s={fault_s}") as talk:
        await talk.avatar.wait_for_join()
        turn = await talk.over(talk.say(SPOKEN_WORDS))
        assert talk.faults() == []
        assert turn.history == " ".join(turn.spoken_words)
        first, *_, last = talk.room.recording.runs
        assert last.identity == talk.identity
        assert last.at_s - first.end_s < MOST_SILENCE_S
        assert talk.avatar.state is AvatarState.VOICE


async def test_killed_stock_worker_is_replaced_by_a_new_avatar() -> None:
    async with conversation("crash_at_s=2.05", retries=2) as talk:
        await talk.avatar.wait_for_join()
        await talk.over(talk.say(SPOKEN_WORDS))
        await talk.avatar.wait_for_join()
        assert talk.avatar.state is AvatarState.LIVE
        assert talk.faults() == []


@pytest.mark.parametrize(
    "scenario", ["loss=0.3,jitter_s=0.05", "report_loss=0.5", "report_late_s=1"]
)
async def test_living_stock_worker_is_not_lost(scenario: str) -> None:
    async with conversation(scenario) as talk:
        await talk.avatar.wait_for_join()
        for _ in range(3):
            await talk.over(talk.say(SPOKEN_WORDS))
        assert [event for _, event in talk.events if isinstance(event, AvatarFailed)] == []
        assert talk.avatar.state is AvatarState.LIVE
