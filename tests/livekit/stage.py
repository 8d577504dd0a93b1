"""A real AgentSession, its avatar and a listener in a room of their own, and what they did."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psutil
from avatar_provider_mock import MockSettings
from livekit import api, rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent
from livekit.agents.voice import SpeechHandle, io
from pydantic import SecretStr

from avatar_core.agents.session import create_avatar
from avatar_core.contracts.events import AvatarEvent
from avatar_core.devserver import DevServer
from avatar_core.engine.registry import ProviderRegistry
from avatar_core.engine.selection import Item
from avatar_core.rtc.listener import Listener
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.sim.tones import VOCABULARY, WORD_S, HeardWord, WordTones
from avatar_core.worker.host import ProcessRecord
from tests.livekit.hearing import Hearing

RATE_HZ = 24_000
FRAME_S = 0.02
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
WORDS = VOCABULARY[:15]
MORE_WORDS = VOCABULARY[15:23]
OURS = ("avatar", "transcript-governor", "clock of", "worker ", "ffi-")
"""How the names of our tasks begin."""


def settings_of(server: DevServer, **changes: str) -> LiveKitSettings:
    """How an application is told of the server."""
    values = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    values |= changes
    return LiveKitSettings.model_construct(
        url=values["url"],
        api_key=SecretStr(values["api_key"]),
        api_secret=SecretStr(values["api_secret"]),
    )


def token(
    server: DevServer,
    room_name: str,
    identity: str,
    kind: str = "standard",
    attributes: dict[str, str] | None = None,
) -> str:
    """A token of the server, with every grant that a participant has by default."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        .with_kind(kind)  # type: ignore[arg-type]
        .with_attributes(attributes or {})
        .with_grants(api.VideoGrants(room_join=True, room=room_name))
        .to_jwt()
    )


async def frames(
    pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1
) -> AsyncIterator[rtc.AudioFrame]:
    """PCM as a TTS hands it out, as fast as it is taken."""
    size = round(FRAME_S * rate_hz) * 2 * channels
    for start in range(0, len(pcm), size):
        piece = pcm[start : start + size]
        yield rtc.AudioFrame(piece, rate_hz, channels, len(piece) // 2 // channels)


@dataclass(slots=True)
class Turn:
    """Something said: its words, its handle, and when (loop time) that was asked for."""

    words: Sequence[str]
    handle: SpeechHandle
    said_at: float
    resolved: int = 0


@dataclass(slots=True)
class Counts:
    """What the chain of audio outputs told, at its top and at its leaf."""

    started: int = 0
    finished: list[io.PlaybackFinishedEvent] = field(default_factory=list)
    leaf_started: int = 0
    leaf_finished: int = 0


class Leftovers:
    """Child processes and tasks of ours that were not there before."""

    def __init__(self) -> None:
        self._before = {child.pid for child in psutil.Process().children(recursive=True)}
        self._tasks = asyncio.all_tasks()

    async def check(self) -> None:
        """Nothing was left behind."""
        await asyncio.sleep(0)  # what was cancelled just now ends
        assert self.children() == [], self.children()
        assert self.tasks() == [], self.tasks()

    def children(self) -> list[str]:
        """New child processes that still run."""
        found = []
        for child in psutil.Process().children(recursive=True):
            try:
                if child.pid not in self._before and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(child.cmdline()))
            except psutil.NoSuchProcess:
                continue
        return found

    def tasks(self) -> list[str]:
        """New tasks of ours that still run."""
        new = asyncio.all_tasks() - self._tasks
        return [task.get_name() for task in new if task.get_name().startswith(OURS)]


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
        self.hearing = Hearing()
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
    _leftovers: Leftovers
    """Of the first stage that was entered, looked at when the last one was left."""

    async def __aenter__(self) -> Self:
        if Stage._entered == 0:
            Stage._leftovers = Leftovers()
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
        self._count()
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
            await Stage._leftovers.check()

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
        return self.hearing.words()

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

    def _count(self) -> None:
        top = leaf = self.session.output.audio
        assert top is not None
        assert leaf is not None
        while leaf.next_in_chain is not None:
            leaf = leaf.next_in_chain
        counts = self.counts
        tell_started, tell_finished = leaf.on_playback_started, leaf.on_playback_finished

        def started(**facts: Any) -> None:
            counts.leaf_started += 1
            tell_started(**facts)

        def finished(**facts: Any) -> None:
            counts.leaf_finished += 1
            tell_finished(**facts)

        leaf.on_playback_started = started  # type: ignore[method-assign]
        leaf.on_playback_finished = finished  # type: ignore[method-assign]

        def top_started(_: io.PlaybackStartedEvent) -> None:
            counts.started += 1

        top.on("playback_started", top_started)
        top.on("playback_finished", counts.finished.append)

    def _note(self, event: AvatarEvent) -> None:
        self.log.append((asyncio.get_running_loop().time(), event))

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "message" and item.role == "assistant":
            self.items.append(item.text_content or "")
