"""A real user who joins or subscribes late hears every word."""

from __future__ import annotations

import asyncio

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.registry.selection import Item
from avatar_core.testing.server import DevServer
from tests.livekit.late_listener import LateListenerConversation, LateSubscriberConversation
from tests.livekit.live_conversation import SPOKEN_WORDS, TEST_S
from tests.livekit.live_room import SMALL

pytestmark = pytest.mark.livekit

STOCK = MockSettings(width=128, height=128, scenario="stock=1")


@pytest.mark.parametrize(
    ("provider", "late_s"),
    [
        pytest.param("voice", 2.0, id="voice", marks=pytest.mark.slow),
        pytest.param(SMALL, 1.0, id="mock", marks=pytest.mark.slow),
        pytest.param(STOCK, 0.5, id="stock", marks=pytest.mark.slow),
    ],
)
async def test_user_who_joins_late_hears_every_word(
    server: DevServer, provider: Item, late_s: float
) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LateListenerConversation(server, provider, wait_for_join=False) as conversation,
    ):
        assert await conversation.listen_late(late_s) == len(SPOKEN_WORDS)
        conversation.check()


@pytest.mark.parametrize(
    "provider",
    [
        pytest.param("voice", id="voice", marks=pytest.mark.slow),
        pytest.param(SMALL, id="mock", marks=pytest.mark.slow),
        pytest.param(STOCK, id="stock"),
    ],
)
async def test_user_who_subscribes_late_hears_every_word(server: DevServer, provider: Item) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LateSubscriberConversation(server, provider, wait_for_join=False) as conversation,
    ):
        assert await conversation.count_spoken_words() == len(SPOKEN_WORDS)
        conversation.check()
