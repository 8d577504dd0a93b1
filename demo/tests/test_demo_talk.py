"""The demo's agent, asked by text, with a real AgentSession in memory and in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from avatar_demo.answers import GREETING, answer_to
from avatar_demo.speaker import Talk

from avatar_core.agents.create import create_avatar
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import IN_MEMORY, Conversation

THANKS, BYE, WHO = "Thank you", "bye", "Who are you?"
OVER_S = 10.0
PREPARES_S = {answer_to(THANKS): 0.2, answer_to(BYE): 0.05}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures; speech takes as long to prepare as the test says, in virtual time."""

    async def here(work: Callable[[str], Any], text: str) -> Any:
        await asyncio.sleep(PREPARES_S.get(text, 0.1))
        return work(text)

    monkeypatch.setattr(asyncio, "to_thread", here)
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


class Scene:
    """Somebody who types, and what is told of it.

    Attributes:
        talk: The agent's part.
        cut: What was told to be heard of what was cut.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.session = conversation.session
        self.cut: list[str] = []
        self.talk = Talk(self.session, self)

    def tell(self, what: str, **fact: Any) -> None:
        if what == "heard":
            self.cut.append(fact["text"])

    async def types(self, text: str) -> None:
        await self.talk.answer(self.session, SimpleNamespace(text=text))  # type: ignore[arg-type]

    def said(self) -> list[str]:
        items = self.session.history.items
        return [item.text_content or "" for item in items if item.type == "message"]


def played(scene: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def main() -> Scene:
        async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as conversation:
            await conversation.avatar.wait_for_join()
            playing = Scene(conversation)
            await scene(playing)
            await asyncio.sleep(OVER_S)
            return playing

    return run(main())


def test_an_answer_that_is_cut_before_its_first_word_has_nothing_that_was_heard() -> None:
    async def scene(scene: Scene) -> None:
        await scene.types(THANKS)
        await asyncio.sleep(OVER_S)
        await scene.types(WHO)
        await asyncio.sleep(0.01)
        await scene.talk.interrupt()

    over = played(scene)
    assert over.said() == [answer_to(THANKS)]
    assert over.cut == []


@pytest.mark.parametrize("gap_s", [0.0, 0.01, 0.06, 0.15])
def test_of_two_questions_at_once_the_later_one_is_answered(gap_s: float) -> None:
    async def scene(scene: Scene) -> None:
        await scene.talk.begin(GREETING)
        await asyncio.sleep(2.0)
        first = asyncio.create_task(scene.types(THANKS))
        await asyncio.sleep(gap_s)
        await scene.types(BYE)
        await first

    over = played(scene)
    greeting, answer = over.said()
    assert answer == answer_to(BYE)
    assert over.cut == [greeting]
    assert GREETING.startswith(greeting)


def test_who_interrupts_before_an_answer_begins_hears_none() -> None:
    async def scene(scene: Scene) -> None:
        asking = asyncio.create_task(scene.types(THANKS))
        await asyncio.sleep(0.1)
        await scene.talk.interrupt()
        await asking

    assert played(scene).said() == []
