"""The avatar and the agent session start in any order in a real room."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import Agent

from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)

pytestmark = pytest.mark.livekit


class LaterAvatarConversation(LiveConversation):
    """A conversation whose avatar starts after its agent session.

    Attributes:
        delay_s: Seconds from the start of the session to the start of the avatar; None leaves
            the start to the test.
    """

    delay_s: float | None = None

    async def start_avatar(self) -> None:
        """Start the avatar in the background, after `delay_s`."""
        if self.delay_s is not None:
            self.starting = asyncio.create_task(self._start_after(self.delay_s))

    async def _start_after(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        await self.avatar.start(self.session, self.room)

    async def wait_until_agent_is_silent(self) -> None:
        """Return once the agent publishes no track of its own."""
        unpublished = asyncio.Event()
        self.room.on("local_track_unpublished", lambda _: unpublished.set())
        while self.voice_tracks():
            await unpublished.wait()
            unpublished.clear()


class StartsAvatarOnEnter(Agent):
    """An agent that starts the avatar when it enters the session.

    Attributes:
        conversation: The conversation whose avatar it starts; the test sets it.
    """

    conversation: LiveConversation

    async def on_enter(self) -> None:
        """Start the avatar."""
        await self.conversation.avatar.start(self.conversation.session, self.conversation.room)


@pytest.mark.parametrize("delay_s", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
async def test_agent_has_no_microphone_beside_a_later_avatar(
    server: DevServer, delay_s: float
) -> None:
    conversation = LaterAvatarConversation(server, wait_for_join=False)
    conversation.delay_s = delay_s
    async with asyncio.timeout(TEST_S), conversation:
        assert conversation.starting is not None
        await conversation.starting
        await conversation.avatar.wait_for_join()
        await conversation.say_all(SPOKEN_WORDS)
        await conversation.wait_until_agent_is_silent()
        conversation.check_speech()


@pytest.mark.slow
async def test_agent_has_no_microphone_beside_an_avatar_started_on_enter(
    server: DevServer,
) -> None:
    agent = StartsAvatarOnEnter(instructions="")
    conversation = LaterAvatarConversation(server, agent=agent, wait_for_join=False)
    agent.conversation = conversation
    async with asyncio.timeout(TEST_S), conversation:
        await conversation.avatar.wait_for_join()
        await conversation.say_all(SPOKEN_WORDS)
        await conversation.wait_until_agent_is_silent()
        conversation.check_speech()


async def test_avatar_that_starts_in_mid_sentence_loses_no_word(server: DevServer) -> None:
    conversation = LaterAvatarConversation(server, wait_for_join=False)
    async with asyncio.timeout(TEST_S), conversation:
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[3])
        await conversation.avatar.start(conversation.session, conversation.room)
        await turn.handle
        await conversation.avatar.wait_for_join()
        await conversation.say_all(MORE_SPOKEN_WORDS)
        await conversation.wait_until_agent_is_silent()
        conversation.check_speech()
        conversation.check_history()
        assert {event.provider for _, event in conversation.log} == {"mock"}
