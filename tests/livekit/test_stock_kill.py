"""A worker that speaks LiveKit's stock wire is killed in the middle of a word."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)

pytestmark = pytest.mark.livekit

STOCK = MockSettings(width=128, height=128, scenario="stock=1")
MOST_TWICE = 2
MOST_SILENCE_S = 1.2
"""The median is below 0.7 s on an idle machine."""


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGKILL, id="kill", marks=pytest.mark.slow),
        pytest.param(signal.SIGSTOP, id="stop", marks=pytest.mark.slow),
    ],
)
async def test_voice_continues_after_a_stock_worker_is_killed_and_the_avatar_returns(
    server: DevServer, number: signal.Signals
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server, STOCK) as conversation:
        dead = conversation.avatar.avatar_identity
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[4])
        os.kill(conversation.worker().pid, number)
        await turn.handle
        await conversation.wait_for_silence()
        heard = sorted(conversation.heard(), key=lambda word: word.start_s)
        silences_s = [b.start_s - a.start_s for a, b in itertools.pairwise(heard)]
        assert max(silences_s) < MOST_SILENCE_S, conversation.report()
        await conversation.avatar.wait_for_join()
        assert conversation.avatar.avatar_identity not in ("", dead)
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check_speech(repeated=MOST_TWICE)
        conversation.check_history()
        assert conversation.avatar.provider == "mock"
