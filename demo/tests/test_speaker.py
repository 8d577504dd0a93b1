"""The demo's speaker responds to texts, with a real AgentSession in memory and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from avatar_demo.responses import GREETING, find_response
from avatar_demo.speaker import Speaker

from avatar_core.agents.create import create_avatar
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY

THANKS, BYE, WHO = "Thank you", "bye", "Who are you?"
SETTLE_S = 10.0
SYNTHESIS_S = {find_response(THANKS): 0.2, find_response(BYE): 0.05}


@pytest.fixture(autouse=True)
def _in_virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthesise speech in the event loop, for a virtual time from `SYNTHESIS_S`; small frames."""

    async def run_here(work: Callable[[str], Any], text: str) -> Any:
        await asyncio.sleep(SYNTHESIS_S.get(text, 0.1))
        return work(text)

    monkeypatch.setattr(asyncio, "to_thread", run_here)
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


class SpeakerHarness:
    """A user who types texts, and the events that the speaker reports.

    Attributes:
        speaker: The speaker under test.
        interrupted: The heard part of each interrupted speech.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.session = conversation.session
        self.interrupted: list[str] = []
        self.speaker = Speaker(self.session, self)

    def notify(self, type: str, **fields: Any) -> None:
        if type == "heard":
            self.interrupted.append(fields["text"])

    async def type_text(self, text: str) -> None:
        await self.speaker.respond(self.session, SimpleNamespace(text=text))  # type: ignore[arg-type]

    def history(self) -> list[str]:
        items = self.session.history.items
        return [item.text_content or "" for item in items if item.type == "message"]


def play(scenario: Callable[[SpeakerHarness], Awaitable[None]]) -> SpeakerHarness:
    """Run a scenario in virtual time, and wait until all speech has ended."""

    async def main() -> SpeakerHarness:
        async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as conversation:
            await conversation.avatar.wait_for_join()
            harness = SpeakerHarness(conversation)
            await scenario(harness)
            await asyncio.sleep(SETTLE_S)
            return harness

    return run(main())


def test_response_without_a_heard_word_is_not_in_the_history() -> None:
    async def scenario(harness: SpeakerHarness) -> None:
        await harness.type_text(THANKS)
        await asyncio.sleep(SETTLE_S)
        await harness.type_text(WHO)
        await asyncio.sleep(0.01)
        await harness.speaker.interrupt()

    ended = play(scenario)
    assert ended.history() == [find_response(THANKS)]
    assert ended.interrupted == []


@pytest.mark.parametrize("gap_s", [0.0, 0.01, 0.06, 0.15])
def test_only_the_later_of_two_texts_gets_a_response(gap_s: float) -> None:
    async def scenario(harness: SpeakerHarness) -> None:
        await harness.speaker.start_saying(GREETING)
        await asyncio.sleep(2.0)
        first = asyncio.create_task(harness.type_text(THANKS))
        await asyncio.sleep(gap_s)
        await harness.type_text(BYE)
        await first

    ended = play(scenario)
    greeting, response = ended.history()
    assert response == find_response(BYE)
    assert ended.interrupted == [greeting]
    assert GREETING.startswith(greeting)


def test_interruption_cancels_a_response_that_has_not_started() -> None:
    async def scenario(harness: SpeakerHarness) -> None:
        typing = asyncio.create_task(harness.type_text(THANKS))
        await asyncio.sleep(0.1)
        await harness.speaker.interrupt()
        await typing

    assert play(scenario).history() == []
