"""A real AgentSession, its avatar and a listener in a room of their own, and what they did."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from types import TracebackType
from typing import Any, Self

from avatar_provider_mock import MockSettings
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent
from livekit.agents.voice import SpeechHandle

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.events import AvatarEvent
from avatar_core.processes import ProcessRecord
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, HeardWord, WordTones
from avatar_core.testing.leak_check import children, find_new_children
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from tests.livekit.entry import settings_of, token
from tests.livekit.hearing import LiveAudioMeter
from tests.livekit.turns import RATE_HZ, Counts, Turn, frames

LEAST_SHARE = 0.6
"""A word of which less sounded was not said."""
ONCE = 1.6
"""A word of which more sounded was said twice."""
STRAY_SHARE = 0.1
"""Of the speech's bytes; of a stock agent all of them reach everybody."""
TEST_S = 30.0
"""No test takes longer."""
JOIN_S = 15.0

SMALL = MockSettings(width=128, height=128)
"""The mock avatar; pictures cost the two decoders of a test more than all the rest."""
WORDS = VOCABULARY[:12]
MORE_WORDS = VOCABULARY[12:18]


class Stage:
    """The room. Enter it; speak with `say`; wait with `heard_word`; judge with `check`.

    Args:
        server: A livekit-server.
        chain: As of `create_avatar`; the mock by default.
        registry: As of `create_avatar`.
        settings: As of `create_avatar`.
        joined: Whether to wait for the avatar before the stage is handed over; else its
            start is a task that has just begun, and the agent session is running.
        session: Keyword arguments of the AgentSession.
        agent: The agent, a silent one by default.
    """

    def __init__(
        self,
        server: DevServer,
        chain: Item | Sequence[Item] = SMALL,
        *,
        registry: ProviderRegistry | None = None,
        settings: AvatarSettings | None = None,
        joined: bool = True,
        session: dict[str, Any] | None = None,
        agent: Agent | None = None,
    ) -> None:
        self.server = server
        self.room_name = f"law-{secrets.token_hex(4)}"
        self.room = rtc.Room()
        self.hearing = LiveAudioMeter()
        self.avatar = create_avatar(
            chain, livekit=settings_of(server), registry=registry, settings=settings
        )
        self.counts = Counts()
        self.turns: list[Turn] = []
        self.items: list[str] = []
        self.errors: list[str] = []
        self.log: list[tuple[float, AvatarEvent]] = []
        self.starting: asyncio.Task[None] | None = None
        self.listener: Listener
        self.session: AgentSession[Any]
        self._joined = joined
        self._session_arguments = session or {}
        self._agent = agent or Agent(instructions="")

    _entered = 0
    _before: frozenset[int]
    """Child processes when the first stage was entered."""

    async def __aenter__(self) -> Self:
        if Stage._entered == 0:
            Stage._before = children()
        Stage._entered += 1
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        server, name = self.server, self.room_name
        await self.room.connect(server.url, token(server, name, "agent", "agent"))
        self.listener = await Listener.join(
            server.url, token(server, name, "user"), self.hearing.add
        )
        self.session = AgentSession(**self._session_arguments)
        self.session.on("conversation_item_added", self._item_added)
        self.avatar.on("avatar_error", lambda event: self.errors.append(str(event.error)))
        for name in ("state_changed", "avatar_joined", "avatar_error", "take_finished"):
            self.avatar.on(name, self._note)
        await self.bring_avatar()
        await self.session.start(self._agent, room=self.room)
        self.counts.watch(self.session)
        if self._joined:
            await self.avatar.wait_for_join(timeout=JOIN_S)

    async def bring_avatar(self) -> None:
        """Put an output in place, and an avatar behind it."""
        self.starting = asyncio.create_task(self.avatar.start(self.session, self.room))
        if self._joined:
            await self.starting
        else:
            await asyncio.sleep(0)  # it has put its leaf in place

    async def dismiss_avatar(self) -> None:
        """Undo what `bring_avatar` did, as much of it as there is."""
        await self.avatar.aclose()
        if self.starting is not None:
            await asyncio.gather(self.starting, return_exceptions=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        await self._close()
        if kind is None and Stage._entered == 0:
            assert find_new_children(Stage._before) == []

    async def _close(self) -> None:
        Stage._entered -= 1
        if hasattr(self, "session"):
            await self.session.aclose()
        await self.dismiss_avatar()
        if hasattr(self, "listener"):
            await self.listener.aclose()
        await self.room.disconnect()

    # What is done.

    def say(self, words: Sequence[str], rate_hz: int = RATE_HZ) -> Turn:
        """Say words, each once a stage, as tones."""
        return self.say_frames(words, frames(WordTones(rate_hz).speak(words), rate_hz))

    def say_frames(self, words: Sequence[str], audio: AsyncIterator[rtc.AudioFrame]) -> Turn:
        """Say words by the frames given."""
        handle = self.session.say(" ".join(words), audio=audio)
        turn = Turn(words, handle, asyncio.get_running_loop().time())

        def resolved(_: SpeechHandle) -> None:
            turn.resolved += 1

        handle.add_done_callback(resolved)
        self.turns.append(turn)
        return turn

    async def say_all(self, words: Sequence[str]) -> Turn:
        """Say words and wait until they were said and heard."""
        turn = self.say(words)
        await turn.handle
        await self.quiet()
        return turn

    async def heard_word(self, word: str) -> None:
        """Return as soon as the listener hears the word begin."""
        await self.hearing.word(word)

    async def quiet(self, duration_s: float = 0.3) -> None:
        """Return once the listener heard nothing for so long."""
        await self.hearing.silence(duration_s)

    def worker(self) -> ProcessRecord:
        """The process of the avatar in use."""
        assert self.avatar.avatar is not None
        record = ProcessRecord.read(self.avatar.avatar.state)
        assert record is not None
        return record

    # What came of it.

    def heard(self) -> list[HeardWord]:
        """The words that the listener heard so far, in order of time."""
        return self.hearing.decode()

    def voices(self) -> list[rtc.LocalTrackPublication]:
        """The tracks that the agent itself has published."""
        return list(self.room.local_participant.track_publications.values())

    def history(self) -> list[str]:
        """What the agent's side of the conversation says."""
        return list(self.items)

    def story(self) -> str:
        """All that is known, for the one who reads of a failure."""
        heard = [
            f"{h.word} {h.start_s - self.turns[0].said_at:.2f} x{h.share:.2f} {h.track[-3:]}"
            for h in self.heard()
        ]
        log = [f"{at_s - self.turns[0].said_at:.2f} {event}" for at_s, event in self.log]
        return "\n".join(("", ", ".join(heard), *self.items, *log, str(self.counts)))

    def check(self, *, cut: Collection[str] = (), torn: int = 0) -> None:
        """The laws that hold for every turn so far.

        Args:
            cut: Words that need not have been heard.
            torn: How many words may have been heard twice.
        """
        self.check_finishes()
        self.check_words(cut=cut, torn=torn)
        self.check_history()

    @property
    def speech_bytes(self) -> float:
        """Of all that was said, as PCM."""
        return sum(len(turn.words) for turn in self.turns) * WORD_S * RATE_HZ * 2

    async def check_addressed(self) -> None:
        """The listener received no raw speech; transcripts and the like are a few kB."""
        assert await self.listener.data_bytes() < STRAY_SHARE * self.speech_bytes

    def check_finishes(self) -> None:
        """Every segment started once and finished once, at the leaf and at the top."""
        count, counted = len(self.turns), self.counts
        assert [turn.resolved for turn in self.turns] == [1] * count, self.story()
        assert (counted.started, counted.leaf_started) == (count, count), self.story()
        assert (len(counted.finished), counted.leaf_finished) == (count, count), self.story()

    def check_words(self, *, cut: Collection[str] = (), torn: int = 0) -> None:
        """Every word was heard, and heard once."""
        said = [word for turn in self.turns for word in turn.words]
        assert len(set(said)) == len(said), "each word must be said once for the laws to count"
        shares = self.hearing.shares()
        assert set(shares) <= set(said), self.story()
        missing = [word for word in said if shares.get(word, 0.0) < LEAST_SHARE]
        assert set(missing) <= set(cut), f"{missing} are missing: {self.story()}"
        twice = [word for word in said if shares.get(word, 0.0) > ONCE]
        assert len(twice) <= torn, f"{twice} were said twice: {self.story()}"

    def check_history(self) -> None:
        """What was committed was heard, at least begun; it may lag."""
        shares = self.hearing.shares()
        for turn, text in zip(self.turns, self.items, strict=True):
            committed = text.split()
            assert committed == list(turn.words[: len(committed)]), self.story()
            assert set(committed) <= set(shares), f"history is ahead: {self.story()}"

    def _note(self, event: AvatarEvent) -> None:
        self.log.append((asyncio.get_running_loop().time(), event))

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "message" and item.role == "assistant":
            self.items.append(item.text_content or "")
