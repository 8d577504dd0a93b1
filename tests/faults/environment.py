"""A conversation in memory, of which one turn goes wrong: who says what about it."""

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
from avatar_core.testing.conversation import IN_MEMORY, RATE_HZ, Conversation, Turn
from avatar_core.testing.room.link import MemoryLink
from tests.faults.case import Ground, Told

WORDS = VOCABULARY[:8]
AT_WORD = 3
LATER = 13
FRAME_S = 0.02
GIVEN_UP_S = 3.0


class Log(logging.Handler):
    """What avatar-core has to say to a person: warnings and worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> Log:
        logging.getLogger("avatar_core").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("avatar_core").removeHandler(self)

    def told(self) -> Told:
        """The one thing it said, however often."""
        texts = dict.fromkeys(record.getMessage() for record in self.records)
        errors = [arg for record in self.records for arg in record.args or () if _is_ours(arg)]
        return Told(errors[0] if errors else None, " / ".join(texts))


class Scene:
    """A real AgentSession with the mock's real worker, both in one room in memory."""

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self.finishes = 0
        leaf = talk.session.output.audio
        while leaf is not None and leaf.next_in_chain is not None:
            leaf = leaf.next_in_chain
        assert leaf is not None
        leaf.on("playback_finished", self._finished)

    @property
    def agent(self) -> MemoryLink:
        """The agent's place in the room."""
        return self.talk.room.agent()

    @property
    def avatar(self) -> MemoryLink:
        """The worker's."""
        return self.talk.room.members[self.talk.avatar.avatar_identity].link

    @property
    def take_id(self) -> str:
        """The take that is being played."""
        output = self.talk.avatar._output
        assert output is not None
        assert output.player.take is not None
        return output.player.take.id

    def say(self, frames: Iterable[rtc.AudioFrame]) -> Turn:
        """Say `WORDS` with these frames, whatever they hold."""
        handle = self.talk.session.say(" ".join(WORDS), audio=_stream(frames))
        turn = Turn(WORDS, handle, asyncio.get_running_loop().time())
        self.talk.turns.append(turn)
        return turn

    def _finished(self, _: object) -> None:
        self.finishes += 1


def frames_of(pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1) -> list[rtc.AudioFrame]:
    """In pieces of 20 ms."""
    size = 2 * channels * round(FRAME_S * rate_hz)
    pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return [rtc.AudioFrame(p, rate_hz, channels, len(p) // 2 // channels) for p in pieces]


def spoken(words: Sequence[str] = WORDS, rate_hz: int = RATE_HZ) -> list[rtc.AudioFrame]:
    """Words as good frames."""
    return frames_of(WordTones(rate_hz).speak(words), rate_hz)


def saying(*frames: Iterable[rtc.AudioFrame]) -> Callable[[Ground], Told]:
    """A turn of these frames; each of its words must be heard once, and one finish come."""

    async def wrong(scene: Scene) -> None:
        await scene.talk.over(scene.say([frame for part in frames for frame in part]))

    return _playing(wrong)


def ended_upstream(*frames: Iterable[rtc.AudioFrame]) -> Callable[[Ground], Told]:
    """A turn that AgentSession itself gives up; what came before is heard, and finished."""

    async def wrong(scene: Scene) -> None:
        turn = scene.say([frame for part in frames for frame in part])
        turn.cut = True
        await asyncio.sleep(GIVEN_UP_S)
        await scene.talk.over(turn)

    return _playing(wrong)


def during(act: Callable[[Scene], Awaitable[object]]) -> Callable[[Ground], Told]:
    """A turn in whose middle somebody does something; it is heard as if nobody had."""

    async def wrong(scene: Scene) -> None:
        turn = scene.talk.say(len(WORDS))
        await scene.talk.until_heard(turn, AT_WORD)
        await act(scene)
        await scene.talk.over(turn)

    return _playing(wrong)


def before(act: Callable[[Scene], Awaitable[object]]) -> Callable[[Ground], Told]:
    """Somebody does something while nobody speaks; the turn after it is heard."""

    async def wrong(scene: Scene) -> None:
        await act(scene)
        await scene.talk.over(scene.talk.say(len(WORDS)))

    return _playing(wrong)


def _playing(wrong: Callable[[Scene], Awaitable[None]]) -> Callable[[Ground], Told]:
    async def main(log: Log) -> Told:
        async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as talk:
            scene = Scene(talk)
            await talk.avatar.wait_for_join()
            before = talk.avatar.avatar_identity
            await wrong(scene)
            told = log.told()
            assert scene.finishes == 1, f"{scene.finishes} finishes"
            await talk.over(talk.say(LATER))
            assert scene.finishes == 2, f"{scene.finishes} finishes"
            assert talk.faults() == []
            assert talk.avatar.state is AvatarState.LIVE
            assert talk.avatar.last_error is None
            assert talk.avatar.avatar_identity == before
            return told

    def provoke(ground: Ground) -> Told:
        ground.set(AVATAR_MOCK_WIDTH="64", AVATAR_MOCK_HEIGHT="64")
        with Log() as log:
            return run(main(log))

    return provoke


async def _stream(frames: Iterable[rtc.AudioFrame]) -> AsyncIterator[rtc.AudioFrame]:
    for frame in frames:
        yield frame


def _is_ours(arg: object) -> bool:
    return isinstance(arg, AvatarError)
