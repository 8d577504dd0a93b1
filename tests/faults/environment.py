"""Conversations in memory with a fault in one turn, and the messages that it causes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from livekit import rtc

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarState
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.script import RATE_HZ
from avatar_core.testing.turn import Turn
from tests.faults.case import Environment, Message
from tests.livekit.turns import PlaybackCounts

SPOKEN_WORDS = VOCABULARY[:8]
AT_WORD = 3
LATER_COUNT = 13
FRAME_S = 0.02
GIVE_UP_S = 3.0


class WarningLog(logging.Handler):
    """Records the warnings and errors that avatar-core logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> WarningLog:
        logging.getLogger("avatar_core").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("avatar_core").removeHandler(self)

    def message(self) -> Message:
        """Return the logged message; equal messages count once."""
        texts = dict.fromkeys(record.getMessage() for record in self.records)
        errors = [arg for record in self.records for arg in record.args or () if _is_ours(arg)]
        return Message(errors[0] if errors else None, " / ".join(texts))


class TurnHarness:
    """A real AgentSession and the mock provider's worker, in one room in memory."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.counts = PlaybackCounts()
        self.counts.watch(conversation.session)

    @property
    def agent(self) -> MemoryLink:
        """The agent's link."""
        return self.conversation.room.agent()

    @property
    def avatar(self) -> MemoryLink:
        """The worker's link."""
        return self.conversation.room.members[self.conversation.avatar.avatar_identity].link

    @property
    def take_id(self) -> str:
        """Id of the current take."""
        output = self.conversation.avatar._tail
        assert output is not None
        assert output.player.take is not None
        return output.player.take.id

    def say(self, frames: Iterable[rtc.AudioFrame]) -> Turn:
        """Say `SPOKEN_WORDS` with these frames as their audio."""
        handle = self.conversation.session.say(" ".join(SPOKEN_WORDS), audio=_stream(frames))
        turn = Turn(SPOKEN_WORDS, handle, asyncio.get_running_loop().time())
        self.conversation.turns.append(turn)
        return turn


def frames_of(pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1) -> list[rtc.AudioFrame]:
    """Split PCM into frames of 20 ms."""
    size = 2 * channels * round(FRAME_S * rate_hz)
    pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return [rtc.AudioFrame(p, rate_hz, channels, len(p) // 2 // channels) for p in pieces]


def spoken_frames(
    spoken_words: Sequence[str] = SPOKEN_WORDS, rate_hz: int = RATE_HZ
) -> list[rtc.AudioFrame]:
    """Return frames in which the words are spoken."""
    return frames_of(WordTones(rate_hz).speak(spoken_words), rate_hz)


def say_frames(*frames: Iterable[rtc.AudioFrame]) -> Callable[[Environment], Message]:
    """Say these frames in a turn; each word must be heard once, with one finish."""

    async def play(harness: TurnHarness) -> None:
        await harness.conversation.over(harness.say([frame for part in frames for frame in part]))

    return _provoke(play)


def say_until_upstream_fails(*frames: Iterable[rtc.AudioFrame]) -> Callable[[Environment], Message]:
    """Say frames of which AgentSession itself rejects one; those before it must be heard."""

    async def play(harness: TurnHarness) -> None:
        turn = harness.say([frame for part in frames for frame in part])
        turn.cut = True
        await asyncio.sleep(GIVE_UP_S)
        await harness.conversation.over(turn)
        # AgentSession adds no message of the failed turn, although its captions were shown.
        harness.conversation.turns.remove(turn)

    return _provoke(play)


def act_during_a_turn(
    act: Callable[[TurnHarness], Awaitable[object]],
) -> Callable[[Environment], Message]:
    """Act in the middle of a turn; the turn must be heard as usual."""

    async def play(harness: TurnHarness) -> None:
        turn = harness.conversation.say(len(SPOKEN_WORDS))
        await harness.conversation.until_heard(turn, AT_WORD)
        await act(harness)
        await harness.conversation.over(turn)

    return _provoke(play)


def act_before_a_turn(
    act: Callable[[TurnHarness], Awaitable[object]],
) -> Callable[[Environment], Message]:
    """Act while nobody speaks; the turn after it must be heard."""

    async def play(harness: TurnHarness) -> None:
        await act(harness)
        await harness.conversation.over(harness.conversation.say(len(SPOKEN_WORDS)))

    return _provoke(play)


def _provoke(play: Callable[[TurnHarness], Awaitable[None]]) -> Callable[[Environment], Message]:
    async def main(log: WarningLog) -> Message:
        async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as conversation:
            harness = TurnHarness(conversation)
            await conversation.avatar.wait_for_join()
            before = conversation.avatar.avatar_identity
            await play(harness)
            message = log.message()
            assert harness.counts.tail_finished == 1, harness.counts
            await conversation.over(conversation.say(LATER_COUNT))
            assert harness.counts.tail_finished == 2, harness.counts
            assert conversation.faults() == [], conversation.faults()
            assert conversation.avatar.state is AvatarState.LIVE
            assert conversation.avatar.last_error is None
            assert conversation.avatar.avatar_identity == before
            return message

    def provoke(environment: Environment) -> Message:
        environment.set(AVATAR_MOCK_WIDTH="64", AVATAR_MOCK_HEIGHT="64")
        with WarningLog() as log:
            return run(main(log))

    return provoke


async def _stream(frames: Iterable[rtc.AudioFrame]) -> AsyncIterator[rtc.AudioFrame]:
    for frame in frames:
        yield frame


def _is_ours(arg: object) -> bool:
    return isinstance(arg, AvatarError)
