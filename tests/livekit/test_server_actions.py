"""A moderator mutes the avatar, or takes its permission to publish, in a real room."""

from __future__ import annotations

import asyncio

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.contracts.events import AvatarFailed
from avatar_core.testing.faults.moderator import Moderator
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import livekit_settings
from tests.livekit.live_conversation import SPOKEN_WORDS, TEST_S, LiveConversation
from tests.livekit.live_room import SMALL

pytestmark = pytest.mark.livekit

STOCK = MockSettings(width=128, height=128, scenario="stock=1")
MOST_REPEATED = 2


@pytest.mark.parametrize(
    ("provider", "action"),
    [
        pytest.param(SMALL, "mute", id="mock", marks=pytest.mark.slow),
        pytest.param(STOCK, "revoke_permission", id="stock"),
    ],
)
async def test_voice_continues_when_a_moderator_silences_the_avatar(
    server: DevServer, provider: MockSettings, action: str
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server, provider) as conversation:
        identity = conversation.avatar.avatar_identity
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[4])
        moderator = Moderator(livekit_settings(server), conversation.room_name)
        await getattr(moderator, action)(identity)
        await turn.handle
        await conversation.wait_for_silence()
        conversation.check_speech(repeated=MOST_REPEATED)
        assert any(isinstance(event, AvatarFailed) for _, event in conversation.log)
