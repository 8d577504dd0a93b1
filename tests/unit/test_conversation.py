"""A real AgentSession in a room in memory loses no word, in virtual time."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.events import AvatarJoined, AvatarState, TakeFinished
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.turn import Turn

SPOKEN_WORDS = 13
"""3.9 s."""
PIECE_S = 0.03
"""The decoder ignores a tone of this length."""


def mock() -> AvatarSession:
    return create_avatar("mock", livekit=IN_MEMORY)


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


def outline(conversation: Conversation) -> list[Any]:
    """All that can be compared of a conversation: words, to the millisecond."""
    return [
        (
            turn.history,
            [(word.word, round(word.start_s, 3), round(word.share, 2)) for word in turn.heard],
        )
        for turn in conversation.turns
    ]


def test_turn_is_heard_and_added_to_the_history() -> None:
    async def main() -> None:
        async with Conversation(mock()) as talk:
            turn = await talk.over(talk.say(SPOKEN_WORDS))
            assert [word.word for word in turn.heard] == list(turn.spoken_words)
            assert turn.history == " ".join(turn.spoken_words)
            assert talk.faults() == []

    run(main())


@pytest.mark.parametrize("word", [0, 1, 6, 12])
def test_interruption_keeps_no_unheard_word_in_the_history(word: int) -> None:
    async def main() -> Turn:
        async with Conversation(mock()) as talk:
            turn = talk.say(SPOKEN_WORDS)
            await talk.interrupt_at(turn, word)
            await talk.over(turn)
            again = await talk.over(talk.say(SPOKEN_WORDS))
            assert talk.faults() == []
            assert again.history == " ".join(again.spoken_words)
            return turn

    turn = run(main())
    assert len(turn.heard) == word + 1
    assert word - 1 <= len(turn.history.split()) <= word + 1


@pytest.mark.parametrize(
    "scenario",
    [
        "crash_at_s=2.05",
        "freeze_at_s=2.05",
        "leaves_at_s=2.05",
        "reconnect_at_s=2.05",
        "mute_at_s=2.05,parted_s=60",
        "deaf_at_s=2.05,parted_s=60",
        "loss=0.5,jitter_s=0.05,duplicate=0.2,reorder=0.2",
        "absurd=0.5",
        "foreign=1",
        "foreign=0.5,absurd=0.2,loss=0.2",
        "report_loss=1",
        "report_double=1,report_late_s=0.2",
        "renderer_raises=0.3,renderer_sizes=0.3,renderer_many=0.5",
        "renderer_slow_s=0.06",
        "stall_at_s=2.05,stall_s=0.6",
        "stall_at_s=2.05,stall_s=9",
        "join_delay_s=3",
        "never_joins=1",
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_no_fault_scenario_loses_a_word(
    scenario: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", f"seed={seed},{scenario}")

    async def main() -> None:
        async with Conversation(mock()) as talk:
            for _ in range(2):
                await talk.over(talk.say(SPOKEN_WORDS))
            turn = talk.say(SPOKEN_WORDS)
            await talk.interrupt_at(turn, 5)
            await talk.over(turn)
            await talk.over(talk.say(SPOKEN_WORDS))
            assert talk.faults() == []

    run(main())


def test_word_in_short_pieces_counts_as_heard() -> None:
    async def main() -> None:
        async with Conversation(mock()) as talk:
            turn = await talk.over(talk.say(1))
            recording = talk.room.recording
            heard = recording.runs[-1]
            recording.runs.clear()
            size = heard.format.size(PIECE_S)
            for number, start in enumerate(range(0, len(heard.pcm), size)):
                at_s = heard.at_s + 2 * number * PIECE_S
                piece = bytes(heard.pcm[start : start + size])
                recording.heard(heard.identity, at_s, heard.format, piece)
            assert len(recording.runs) > 5
            await talk.over(turn)
            assert turn.shares() == pytest.approx({turn.spoken_words[0]: 1.0}, abs=0.1)

    run(main())


def test_voice_continues_after_the_avatar_is_closed() -> None:
    async def main() -> None:
        async with Conversation(mock()) as talk:
            await talk.over(talk.say(SPOKEN_WORDS))
            torn = talk.say(SPOKEN_WORDS)
            await talk.until_heard(torn, 5)
            await talk.avatar.aclose()
            assert talk.avatar.state is AvatarState.CLOSED
            assert talk.room.members.keys() == {"agent"}
            await talk.over(torn)
            after = await talk.over(talk.say(SPOKEN_WORDS))
            assert talk.faults() == []
            assert after.history == " ".join(after.spoken_words)
            assert talk.avatar.provider == "voice"

    run(main())


def test_agent_rejects_messages_of_an_unknown_participant(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", "foreign=1")
    caplog.set_level(logging.DEBUG, "avatar_core.testing")

    async def main() -> None:
        async with Conversation(mock()) as talk:
            turn = await talk.over(talk.say(SPOKEN_WORDS))
            assert talk.faults() == []
            assert turn.history == " ".join(turn.spoken_words)
            assert talk.avatar.state is AvatarState.LIVE
            takes = [event for _, event in talk.events if isinstance(event, TakeFinished)]
            assert [(take.state, take.heard_s) for take in takes] == [("done", pytest.approx(3.9))]
            assert f"{talk.avatar.avatar_identity}-foreigner" in talk.room.members
        assert talk.room.members.keys() <= {"agent"}

    run(main())
    calls = [line for line in caplog.messages if "-foreigner called" in line]
    assert len(calls) > 40, "six reports a second, two calls on each"
    assert all(line.endswith("was reject.") for line in calls)
    assert {"done", "cut", "playing"} <= {word for line in calls for word in line.split('"')}


FAULTS = {11: "agent", 23: "avatar", 35: "agent", 47: "avatar", 56: "crash"}
"""Turns in the middle of which somebody reconnects in full, or the worker is gone."""


async def sixty_turns() -> list[Any]:
    async with Conversation(mock()) as talk:
        for number in range(60):
            turn = talk.say(SPOKEN_WORDS)
            if number in FAULTS:
                await talk.until_heard(turn, 6)
                hit(talk, FAULTS[number])
            elif number % 3 == 1:
                await talk.interrupt_at(turn, 3 + number % 7)
            await talk.over(turn)
        assert talk.faults() == []
        assert sum(turn.cut for turn in talk.turns) == 20
        assert talk.avatar.state is AvatarState.LIVE
        assert sum(isinstance(event, AvatarJoined) for _, event in talk.events) == 2
        return outline(talk)


def hit(talk: Conversation, what: str) -> None:
    avatar = talk.avatar.avatar
    assert avatar is not None
    if what == "crash":
        talk.room.crash(avatar.identity)
    else:
        talk.room.reconnect("agent" if what == "agent" else avatar.identity)


def test_sixty_turns_with_faults_give_equal_results_in_two_runs() -> None:
    began = time.process_time()
    first = run(sixty_turns())
    took_s = time.process_time() - began
    assert run(sixty_turns()) == first
    assert took_s < 30, f"{took_s:.1f} s"
