"""A person writes, a model answers, with a real AgentSession in memory: heard, in history."""

from __future__ import annotations

import pytest

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import IN_MEMORY, Conversation, Turn

FIRST, SECOND, THIRD = VOCABULARY[:10], VOCABULARY[12:20], VOCABULARY[24:30]


def mock() -> AvatarSession:
    return create_avatar("mock", livekit=IN_MEMORY)


def heard(turn: Turn) -> list[str]:
    return [word.word for word in turn.heard]


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


def test_what_is_written_and_answered_is_heard_and_remembered_in_order() -> None:
    async def main() -> None:
        async with Conversation(mock()) as talk:
            first = await talk.over(await talk.ask("Who are you?", FIRST))
            said = await talk.over(talk.say(SECOND))
            third = await talk.over(await talk.ask("And then?", THIRD))
            assert [heard(turn) for turn in talk.turns] == [[*FIRST], [*SECOND], [*THIRD]]
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
def test_a_text_in_the_middle_of_an_answer_interrupts_it(
    word: int, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", scenario)

    async def main() -> None:
        async with Conversation(mock()) as talk:
            first = await talk.ask("Tell me all.", FIRST)
            await talk.until_heard(first, word)
            second = await talk.ask("Stop. What now?", SECOND)
            await talk.over(first)
            await talk.over(second)
            assert talk.faults() == []
            assert first.cut
            assert not second.cut
            assert heard(first) == [*FIRST[: word + 1]]
            assert heard(second) == [*SECOND]
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
            assert talk.model.shown[1] == talk.history()[:-1], "the model knows what was heard"

    run(main())


def test_a_text_before_the_answer_began_leaves_nothing_of_it() -> None:
    async def main() -> None:
        async with Conversation(mock()) as talk:
            first = await talk.ask("One?", FIRST)
            second = await talk.ask("No: two?", SECOND)
            await talk.over(first)
            await talk.over(second)
            assert heard(first) == []
            assert heard(second) == [*SECOND]
            assert talk.history()[-2:] == [("user", "No: two?"), ("assistant", " ".join(SECOND))]
            assert "alpha" not in str(talk.history())

    run(main())


def test_an_answer_whose_avatar_crashes_is_heard_and_remembered_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", "crash_at_s=2.05")

    async def main() -> None:
        async with Conversation(mock()) as talk:
            answer = await talk.over(await talk.ask("Who are you?", FIRST))
            assert answer.history == " ".join(FIRST)
            assert talk.avatar.last_error is not None
            assert talk.faults() == []

    run(main())
