"""Rooms in one process and agents in one room do not affect each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.events import AvatarState, TakeFinished
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom

ROOMS = 4
SHARE = len(VOCABULARY) // ROOMS
TURNS = 3
CUT_AT = 4


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


def vocabulary_of(number: int) -> Sequence[str]:
    """Return the words that only this agent says."""
    return VOCABULARY[number * SHARE : (number + 1) * SHARE]


def conversation(room: MemoryRoom, identity: str = "agent", scenario: str = "") -> Conversation:
    from avatar_provider_mock import MockSettings

    settings = MockSettings.load(scenario=scenario)
    return Conversation(create_avatar(settings, livekit=IN_MEMORY), room, identity)


async def speak(talk: Conversation, spoken_words: Sequence[str], *, interrupted: bool) -> None:
    """Say the words in some turns; interrupt the second of them if `interrupted`."""
    for number in range(TURNS):
        turn = talk.say(spoken_words)
        if interrupted and number == 1:
            await talk.interrupt_at(turn, CUT_AT)
        await talk.over(turn)


def heard_in(room: MemoryRoom, speaks_for: str | None = None) -> set[str]:
    """Return every word that was heard in a room, or on behalf of one agent."""
    return {
        tone.word
        for tone in room.recording.tones()
        if speaks_for in (None, room.speaks_for[tone.track])
    }


def check(talk: Conversation, spoken_words: Sequence[str]) -> None:
    """Check the laws, and that nothing but the words of this agent was heard."""
    assert talk.faults() == []
    for turn in talk.turns:
        assert {word.word for word in turn.heard} <= set(spoken_words)
        assert set(turn.history.split()) <= set(spoken_words)
        assert turn.cut or turn.history == " ".join(spoken_words)
    takes = [event for _, event in talk.events if isinstance(event, TakeFinished)]
    assert len({take.take_id for take in takes}) == len(takes) == len(talk.turns)
    cuts = [turn.cut for turn in talk.turns]
    assert [take.state == "cut" for take in takes] == cuts, "a take of another agent was cut"


def test_rooms_in_one_process_share_no_word_and_no_take() -> None:
    async def one(number: int) -> Conversation:
        room = MemoryRoom(f"room-{number}")
        async with conversation(room) as talk:
            await speak(talk, vocabulary_of(number), interrupted=number % 2 == 0)
            assert talk.avatar.state is AvatarState.LIVE
        check(talk, vocabulary_of(number))
        assert heard_in(room) == set(vocabulary_of(number))
        return talk

    async def main() -> None:
        talks = await asyncio.gather(*map(one, range(ROOMS)))
        avatars_of_rooms = [set(talk.room.speaks_for) - {"agent"} for talk in talks]
        assert all(len(avatars) == 1 for avatars in avatars_of_rooms)
        assert len(set.union(*avatars_of_rooms)) == ROOMS
        takes = [
            event.take_id
            for talk in talks
            for _, event in talk.events
            if isinstance(event, TakeFinished)
        ]
        assert len(takes) == len(set(takes))

    run(main())


def test_crash_in_one_room_does_not_affect_the_others() -> None:
    async def one(number: int) -> Conversation:
        crashes = "crash_at_s=2.05" if number == 0 else ""
        async with conversation(MemoryRoom(f"room-{number}"), scenario=crashes) as talk:
            await speak(talk, vocabulary_of(number), interrupted=False)
        return talk

    async def main() -> None:
        first, *others = await asyncio.gather(*map(one, range(ROOMS)))
        assert first.faults() == []
        assert first.avatar.last_error is not None
        for number, talk in enumerate(others, 1):
            check(talk, vocabulary_of(number))
            assert talk.avatar.last_error is None

    run(main())


@pytest.mark.parametrize("cut", [0, 1])
def test_interruption_of_one_agent_does_not_affect_the_other(cut: int) -> None:
    """Both agents speak at the same time in one room; one of them is interrupted."""
    names = ("alice", "bob")

    async def one(room: MemoryRoom, number: int) -> Conversation:
        async with conversation(room, names[number]) as talk:
            await speak(talk, vocabulary_of(number), interrupted=number == cut)
            assert room.speaks_for[talk.avatar.avatar_identity] == names[number]
            assert talk.avatar.state is AvatarState.LIVE
        return talk

    async def main() -> None:
        room = MemoryRoom()
        talks = await asyncio.gather(*(one(room, number) for number in range(len(names))))
        for number, talk in enumerate(talks):
            check(talk, vocabulary_of(number))
            assert heard_in(room, names[number]) == set(vocabulary_of(number))
            assert [turn.cut for turn in talk.turns].count(True) == (number == cut)
        assert len(room.speaks_for) == 2 * len(names)

    run(main())


def test_agent_continues_when_another_agent_leaves_the_room() -> None:
    async def main() -> None:
        room = MemoryRoom()
        async with conversation(room, "bob") as bob:
            async with conversation(room, "alice") as alice:
                turn = alice.say(vocabulary_of(0))
                later = bob.say(vocabulary_of(1))
                await alice.over(turn)
            await bob.over(later)
            await bob.over(bob.say(vocabulary_of(1)))
            assert alice.faults() == []
            assert bob.faults() == []
            assert bob.avatar.state is AvatarState.LIVE

    run(main())
