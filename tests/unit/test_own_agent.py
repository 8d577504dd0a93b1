"""An agent of an application speaks and uses its tools in a conversation in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable

import pytest
from livekit import rtc
from livekit.agents import Agent, ModelSettings, function_tool

from avatar_core.agents.create import create_avatar
from avatar_core.testing import IN_MEMORY, Conversation, ToneAgent

pytestmark = pytest.mark.virtual_time

TICKETS = 2


class Clerk(Agent):
    """The agent of an application, with a tool of its own."""

    def __init__(self) -> None:
        super().__init__(instructions="You sell tickets.")
        self.sold: list[int] = []
        self.entered = asyncio.Event()

    async def on_enter(self) -> None:
        """Note that the session runs this agent."""
        self.entered.set()

    @function_tool
    async def sell(self, count: int) -> str:
        """Sell tickets.

        Args:
            count: The number of tickets.
        """
        self.sold.append(count)
        return "sold"


class AudibleClerk(Clerk):
    """The same agent with the voice of the test kit."""

    def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """Return the word tones of a text."""
        return ToneAgent().tts_node(text, model_settings)


async def test_agent_of_an_application_uses_its_tools_and_is_heard() -> None:
    clerk = AudibleClerk()
    async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as conversation:
        await conversation.avatar.wait_for_join()
        conversation.session.update_agent(clerk)
        await clerk.entered.wait()  # the hand-over runs in the background
        turn = await conversation.ask("two tickets", 5, calls={"sell": {"count": TICKETS}})
        await conversation.over(turn)
        assert clerk.sold == [TICKETS]
        assert conversation.faults() == []
        assert len(turn.heard) == len(turn.spoken_words)
