"""Conversations with a stock worker whose tracks, participants and reports behave unusually."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from avatar_provider_mock import MockSettings

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.events import AvatarFailed, AvatarState
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.clock import block, now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.turn import Turn

pytestmark = pytest.mark.virtual_time

SPOKEN_WORDS = 10
PATIENCE_S = 40.0
NEXT = VOCABULARY[12:18]
Action = Callable[[Conversation], Awaitable[None]]


def conversation(scenario: str = "", monitor: str = "auto") -> Conversation:
    """Return a conversation with a worker that speaks LiveKit's stock wire."""
    provider = MockSettings(width=64, height=64, scenario=f"stock=1,{scenario}")
    settings = AvatarSettings(retries=0, monitor=monitor)  # type: ignore[arg-type]
    return Conversation(create_avatar(provider, livekit=IN_MEMORY, settings=settings))


def avatar_of(talk: Conversation) -> MemoryLink:
    """Return the avatar's connection to the room."""
    (link,) = [
        member.link
        for identity, member in talk.room.members.items()
        if identity != talk.identity and talk.room.speaks_for[identity] == talk.identity
    ]
    assert isinstance(link, MemoryLink)
    return link


async def hear(talk: Conversation, *turns: Turn | int | Sequence[str]) -> None:
    """Wait for the end of turns, one after another; say the words of a turn that has not begun."""
    async with asyncio.timeout(PATIENCE_S):
        for turn in turns:
            await talk.over(turn if isinstance(turn, Turn) else talk.say(turn))


def losses(talk: Conversation) -> list[str]:
    return [str(event.error) for _, event in talk.events if isinstance(event, AvatarFailed)]


async def publish_silent_track(talk: Conversation) -> None:
    await avatar_of(talk).publish_audio(AudioFormat(48_000, 2), name="music")
    await hear(talk, SPOKEN_WORDS)


async def publish_same_speech_twice(talk: Conversation) -> None:
    link = avatar_of(talk)
    first = link.audio_tracks[0]
    second = await link.publish_audio(first.format, name="copy")
    capture = first.capture

    async def capture_twice(pcm: bytes) -> None:
        await second.capture(pcm)
        await capture(pcm)

    first.capture = capture_twice  # type: ignore[method-assign]
    turn = talk.say(SPOKEN_WORDS)
    await turn.handle
    assert turn.handle.done()


async def replace_track(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await talk.until_heard(turn, 4)
    link = avatar_of(talk)
    old = link.audio_tracks[0]
    new = await link.publish_audio(AudioFormat(24_000), name="replacement")
    old.capture, old.clear = new.capture, new.clear  # type: ignore[method-assign]
    await asyncio.sleep(0.05)
    await old.unpublish()
    await hear(talk, turn, 5)


async def vanish_for_a_moment(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await talk.until_heard(turn, 4)
    identity = avatar_of(talk).identity
    talk.room.mute(identity)
    await asyncio.sleep(0.08)
    talk.room.mute(identity, muted=False)
    await hear(talk, turn, 5)


async def reconnect_agent(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await talk.until_heard(turn, 4)
    talk.room.reconnect(talk.identity)
    await hear(talk, turn, 5)


async def block_shortly(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await talk.until_heard(turn, 4)
    block(0.3)
    await hear(talk, turn, 5)


async def cut_before_the_first_sound(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await asyncio.sleep(0.2)
    turn.cut, turn.until_at = True, now() + 0.15
    turn.handle.interrupt()
    await asyncio.sleep(0.15)
    await hear(talk, turn, NEXT, 5)


async def pause(talk: Conversation) -> None:
    turn = talk.say(SPOKEN_WORDS)
    await talk.until_heard(turn, 4)
    output = talk.session.output.audio
    assert output is not None
    output.pause()
    await asyncio.sleep(30.0)
    output.resume()
    await hear(talk, turn, 5)


async def take_turns_without_a_gap(talk: Conversation) -> None:
    first, second = talk.say(5), talk.say(NEXT)
    await first.handle
    first.until_at = second.said_at = now()
    await hear(talk, first, second)


ACTIONS: list[Action] = [
    publish_silent_track,
    publish_same_speech_twice,
    replace_track,
    vanish_for_a_moment,
    reconnect_agent,
    block_shortly,
    cut_before_the_first_sound,
    pause,
    take_turns_without_a_gap,
]


@pytest.mark.parametrize("delay_s", [0, 1])
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
async def test_unusual_event_causes_no_loss(action: Action, delay_s: int) -> None:
    async with conversation(f"playout_delay_s={delay_s}") as talk:
        await talk.avatar.wait_for_join()
        await action(talk)
        assert losses(talk) == []
        assert talk.avatar.state is AvatarState.LIVE
        if action is not publish_same_speech_twice:  # the mix of two tracks cannot be decoded
            assert talk.faults() == []


@pytest.mark.parametrize("scenario", ["absurd=0.5", "stock=0,absurd=0.5,foreign=0.5"])
async def test_invalid_positions_are_ignored(scenario: str) -> None:
    async with conversation(scenario) as talk:
        await talk.avatar.wait_for_join()
        for _ in range(3):
            await hear(talk, 5)
        assert losses(talk) == []
        assert talk.faults() == []


async def test_monitor_can_be_off() -> None:
    async with conversation(monitor="off") as talk:
        await talk.avatar.wait_for_join()
        await hear(talk, SPOKEN_WORDS, 5)
        assert losses(talk) == []
        assert talk.faults() == []


async def test_loss_of_the_speaking_track_is_a_loss_although_a_silent_track_remains() -> None:
    async with conversation() as talk:
        await talk.avatar.wait_for_join()
        link = avatar_of(talk)
        await link.publish_audio(AudioFormat(48_000), name="music")
        turn = talk.say(SPOKEN_WORDS)
        await talk.until_heard(turn, 4)
        await link.audio_tracks[0].unpublish()
        await hear(talk, turn)
        assert len(losses(talk)) == 1
        assert talk.faults() == []
        assert talk.avatar.state is AvatarState.VOICE


async def test_another_participant_with_our_speech_is_not_the_avatar() -> None:
    async with conversation() as talk:
        await talk.avatar.wait_for_join()
        await asyncio.sleep(1.05)  # the worker has just responded, so its death is found late
        imitator = await talk.room.join("imitator").publish_audio(AudioFormat(24_000), name="mic")
        turn = talk.say(SPOKEN_WORDS)
        avatar_of(talk).freeze()
        pcm = WordTones(24_000).speak(turn.spoken_words)
        imitating = asyncio.create_task(_play(imitator.capture, pcm))
        await hear(talk, turn)
        imitating.cancel()
        assert len(losses(talk)) == 1
        assert talk.faults() == []
        (run,) = [run for run in talk.room.recording.runs if run.identity != "imitator"]
        assert run.identity == talk.identity


async def _play(capture: Callable[[bytes], Awaitable[None]], pcm: bytes) -> None:
    for start in range(0, len(pcm), 960):
        await capture(pcm[start : start + 960])
