"""A worker whose audio never arrives is replaced, and the history contains nothing of it."""

from __future__ import annotations

import asyncio

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.events import AvatarState
from avatar_core.playback.monitor.monitor import FIRST_SOUND_S
from avatar_core.settings import AvatarSettings
from avatar_core.testing.clock import now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY

pytestmark = pytest.mark.virtual_time

FROZEN = "stock=1,freeze_at_s=0.05"
"""A worker that freezes after its track is published: it has sent no packet and no response."""
LATE_S = 1.0


@pytest.mark.parametrize("spoken_words", [1, 3, 20])
async def test_voice_speaks_for_a_worker_that_froze_before_a_packet(
    spoken_words: int,
) -> None:
    async with Conversation(_avatar(FROZEN)) as talk:
        turn = await talk.over(talk.say(spoken_words))
        assert talk.faults() == []
        assert turn.history == " ".join(turn.spoken_words)
        assert {run.identity for run in talk.room.recording.runs} == {talk.identity}
        assert talk.room.recording.runs[0].at_s < FIRST_SOUND_S + LATE_S
        assert talk.avatar.state is AvatarState.VOICE


async def test_interruptions_do_not_prolong_the_wait_for_the_first_packet() -> None:
    async with Conversation(_avatar(FROZEN)) as talk:
        await talk.avatar.wait_for_join()
        began = now()
        while talk.avatar.state is AvatarState.LIVE:
            turn = talk.say(5)
            await asyncio.sleep(0.5)
            turn.cut = True
            turn.handle.interrupt()
            await turn.handle
            assert now() - began < 2 * FIRST_SOUND_S
        assert talk.faults() == []


def _avatar(scenario: str) -> AvatarSession:
    settings = AvatarSettings(retries=0)
    provider = MockSettings(width=64, height=64, scenario=scenario)
    return create_avatar(provider, livekit=IN_MEMORY, settings=settings)


@pytest.mark.parametrize("worker", ["", "stock=1,"])
async def test_voice_speaks_for_a_worker_that_unpublished_before_the_first_word(
    worker: str,
) -> None:
    async with Conversation(_avatar(f"{worker}unpublishes_at_s=0.05")) as talk:
        await talk.avatar.wait_for_join()
        turn = await talk.over(talk.say(6))
        assert talk.faults() == []
        assert turn.history == " ".join(turn.spoken_words)
        assert {run.identity for run in talk.room.recording.runs} == {talk.identity}
