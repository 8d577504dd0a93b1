"""Each text gets a response that the user hears and the chat history of a real AgentSession has."""

from __future__ import annotations

import pytest

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.turn import Turn

FIRST, SECOND, THIRD = VOCABULARY[:10], VOCABULARY[12:20], VOCABULARY[24:30]


def create_mock() -> AvatarSession:
    return create_avatar("mock", livekit=IN_MEMORY)


def heard_by_user(turn: Turn) -> list[str]:
    return [word.word for word in turn.heard]


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


def test_responses_are_heard_and_added_to_the_history_in_order() -> None:
    async def main() -> None:
        async with Conversation(create_mock()) as talk:
            first = await talk.over(await talk.ask("Who are you?", FIRST))
            said = await talk.over(talk.say(SECOND))
            third = await talk.over(await talk.ask("And then?", THIRD))
            assert [heard_by_user(turn) for turn in talk.turns] == [[*FIRST], [*SECOND], [*THIRD]]
            assert talk.history() == [
                ("user", "Who are you?"),
                ("assistant", " ".join(FIRST)),
                ("assistant", " ".join(SECOND)),
                ("user", "And then?"),
                ("assistant", " ".join(THIRD)),
            ]
            assert [first.history, said.history, third.history] == [
                text for role, text in talk.history() if role == "assistant"
            ]
            assert talk.model.shown == [talk.history()[:1], talk.history()[:4]]
            assert talk.faults() == []

    run(main())


@pytest.mark.parametrize("word", [0, 1, 4, 8])
@pytest.mark.parametrize("scenario", ["", "report_late_s=0.2", "report_double=0.5,foreign=1"])
def test_text_interrupts_the_current_response(
    word: int, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", scenario)

    async def main() -> None:
        async with Conversation(create_mock()) as talk:
            first = await talk.ask("Tell me all.", FIRST)
            await talk.until_heard(first, word)
            second = await talk.ask("Stop. What now?", SECOND)
            await talk.over(first)
            await talk.over(second)
            assert talk.faults() == []
            assert first.cut
            assert not second.cut
            assert heard_by_user(first) == [*FIRST[: word + 1]]
            assert heard_by_user(second) == [*SECOND]
            remembered = first.history.split()
            assert remembered == [*FIRST[: len(remembered)]]
            assert word - 1 <= len(remembered) <= word + 1
            spoken = [("assistant", first.history)] if remembered else []
            assert talk.history() == [
                ("user", "Tell me all."),
                *spoken,
                ("user", "Stop. What now?"),
                ("assistant", " ".join(SECOND)),
            ]
            assert talk.model.shown[1] == talk.history()[:-1], (
                "the model received another history than the heard one"
            )

    run(main())


def test_text_cancels_a_response_that_has_not_started() -> None:
    async def main() -> None:
        async with Conversation(create_mock()) as talk:
            first = await talk.ask("One?", FIRST)
            second = await talk.ask("No: two?", SECOND)
            await talk.over(first)
            await talk.over(second)
            assert heard_by_user(first) == []
            assert heard_by_user(second) == [*SECOND]
            assert talk.history()[-2:] == [("user", "No: two?"), ("assistant", " ".join(SECOND))]
            assert "alpha" not in str(talk.history())

    run(main())


def test_avatar_crash_loses_no_word_of_the_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", "crash_at_s=2.05")

    async def main() -> None:
        async with Conversation(create_mock()) as talk:
            response = await talk.over(await talk.ask("Who are you?", FIRST))
            assert response.history == " ".join(FIRST)
            assert talk.avatar.last_error is not None
            assert talk.faults() == []

    run(main())
