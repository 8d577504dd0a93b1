"""A conversation in a real room: an AgentSession, its avatar and a listener, with checks."""

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
from avatar_core.testing.leak_check import child_pids, find_new_children
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from tests.livekit.live_audio_meter import LiveAudioMeter
from tests.livekit.turns import RATE_HZ, PlaybackCounts, Turn, frames

LEAST_SHARE = 0.6
"""A word counts as missing if a smaller share of its tone was heard."""
ONCE = 1.6
"""A word counts as heard twice if a larger share of its tone was heard."""
STRAY_SHARE = 0.1
"""The largest share of the speech's bytes that a bystander may receive (a stock agent: all)."""
TEST_S = 30.0
"""The time limit of a test."""
JOIN_S = 15.0

SMALL = MockSettings(width=128, height=128)
"""The mock avatar with small frames, because decoding video dominates the cost of a test."""
SPOKEN_WORDS = VOCABULARY[:12]
MORE_SPOKEN_WORDS = VOCABULARY[12:18]


class LiveConversation:
    """A conversation in a room of its own, from `async with` on.

    A test speaks with `say`, waits with `wait_for_word`, and compares with `check`.

    Args:
        server: A livekit-server.
        chain: Providers, as for `create_avatar`; by default the mock.
        registry: Registry, as for `create_avatar`.
        settings: Settings, as for `create_avatar`.
        wait_for_join: Whether `async with` waits until the avatar has joined. Otherwise the
            avatar has only just started, and the agent session is running.
        session: Keyword arguments of the AgentSession.
        agent: The agent; by default one without instructions.

    Attributes:
        room: The agent's room.
        meter: Measures what the listener hears.
        avatar: The avatar session under test.
        counts: Playback events of the session's audio outputs.
        turns: All turns so far.
        items: Texts of the agent in the chat history.
        errors: Texts of all `avatar_error` events.
        log: All events of the avatar, with their loop times in seconds.
        starting: The task that starts the avatar.
        listener: The user, who listens.
        session: The agent session.
    """

    def __init__(
        self,
        server: DevServer,
        chain: Item | Sequence[Item] = SMALL,
        *,
        registry: ProviderRegistry | None = None,
        settings: AvatarSettings | None = None,
        wait_for_join: bool = True,
        session: dict[str, Any] | None = None,
        agent: Agent | None = None,
    ) -> None:
        self.server = server
        self.room_name = f"law-{secrets.token_hex(4)}"
        self.room = rtc.Room()
        self.meter = LiveAudioMeter()
        self.avatar = create_avatar(
            chain, livekit=livekit_settings(server), registry=registry, settings=settings
        )
        self.counts = PlaybackCounts()
        self.turns: list[Turn] = []
        self.items: list[str] = []
        self.errors: list[str] = []
        self.log: list[tuple[float, AvatarEvent]] = []
        self.starting: asyncio.Task[None] | None = None
        self.listener: Listener
        self.session: AgentSession[Any]
        self._wait_for_join = wait_for_join
        self._session_arguments = session or {}
        self._agent = agent or Agent(instructions="")

    owns_children = True
    """Whether every child process must have ended with the last conversation."""
    _entered = 0
    _before: frozenset[int]
    """Child processes when the first conversation was entered."""

    async def __aenter__(self) -> Self:
        if LiveConversation._entered == 0:
            LiveConversation._before = child_pids()
        LiveConversation._entered += 1
        try:
            await self._open()
        except BaseException:
            await self._close()
            raise
        return self

    async def _open(self) -> None:
        await self.connect_agent()
        await self.join_listener()
        self.session = AgentSession(**self._session_arguments)
        self.session.on("conversation_item_added", self._add_item)
        self.avatar.on("avatar_error", lambda event: self.errors.append(str(event.error)))
        for name in ("state_changed", "avatar_joined", "avatar_error", "take_finished"):
            self.avatar.on(name, self._log_event)
        await self.start_avatar()
        await self.start_session(self._agent)
        self.counts.watch(self.session)
        if self._wait_for_join:
            await self.avatar.wait_for_join(timeout=JOIN_S)

    async def connect_agent(self) -> None:
        """Let the agent join the room."""
        token = create_token(self.server, self.room_name, "agent", "agent")
        await self.room.connect(self.server.url, token)

    async def join_listener(self) -> None:
        """Let the user join, who subscribes to every track."""
        token = create_token(self.server, self.room_name, "user")
        self.listener = await Listener.join(self.server.url, token, self.meter.add)

    async def wait_until_listener_is_visible(self) -> None:
        """Wait until the agent sees the user: the server announces a silent user late."""
        joined = asyncio.Event()

        def look(*_: object) -> None:
            """Set `joined` if the user is in the room."""
            if "user" in self.room.remote_participants:
                joined.set()

        self.room.on("participant_connected", look)
        look()
        await joined.wait()
        self.room.off("participant_connected", look)

    async def start_session(self, agent: Agent) -> None:
        """Start the agent session in the room.

        Args:
            agent: The agent.
        """
        await self.session.start(agent, room=self.room)

    async def start_avatar(self) -> None:
        """Start the avatar, which replaces the session's audio tail."""
        self.starting = asyncio.create_task(self.avatar.start(self.session, self.room))
        if self._wait_for_join:
            await self.starting
        else:
            await asyncio.sleep(0)  # lets `start` replace the audio tail

    async def stop_avatar(self) -> None:
        """Close the avatar, whether its start has finished or not."""
        await self.avatar.aclose()
        if self.starting is not None:
            await asyncio.gather(self.starting, return_exceptions=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        await self._close()
        if kind is None and LiveConversation._entered == 0 and self.owns_children:
            assert find_new_children(LiveConversation._before) == []

    async def _close(self) -> None:
        LiveConversation._entered -= 1
        if hasattr(self, "session"):
            await self.session.aclose()
        await self.stop_avatar()
        if hasattr(self, "listener"):
            await self.listener.aclose()
        await self.room.disconnect()

    # Actions

    def say(self, spoken_words: Sequence[str], rate_hz: int = RATE_HZ) -> Turn:
        """Start to say words as tones; a conversation must not use a word twice.

        Args:
            spoken_words: Words of `VOCABULARY`.
            rate_hz: Sample rate of the frames.
        """
        pcm = WordTones(rate_hz).speak(spoken_words)
        return self.say_frames(spoken_words, frames(pcm, rate_hz))

    def say_frames(self, spoken_words: Sequence[str], audio: AsyncIterator[rtc.AudioFrame]) -> Turn:
        """Start to say words whose audio the caller provides.

        Args:
            spoken_words: Words of `VOCABULARY`.
            audio: Frames with the tones of these words.
        """
        handle = self.session.say(" ".join(spoken_words), audio=audio)
        turn = Turn(spoken_words, handle, asyncio.get_running_loop().time())

        def count(_: SpeechHandle) -> None:
            turn.resolved += 1

        handle.add_done_callback(count)
        self.turns.append(turn)
        return turn

    async def say_all(self, spoken_words: Sequence[str]) -> Turn:
        """Say words as tones, and wait until the listener hears silence after them."""
        turn = self.say(spoken_words)
        await turn.handle
        await self.wait_for_silence()
        return turn

    async def wait_for_word(self, word: str) -> None:
        """Return as soon as the listener has heard a part of the word."""
        await self.meter.wait_for_word(word)

    async def wait_for_silence(self, duration_s: float = 0.3) -> None:
        """Return once the listener has heard silence for `duration_s` seconds."""
        await self.meter.wait_for_silence(duration_s)

    def worker(self) -> ProcessRecord:
        """Return the record of the worker process of the current avatar."""
        assert self.avatar.avatar is not None
        record = ProcessRecord.read(self.avatar.avatar.state)
        assert record is not None
        return record

    # Results

    def heard(self) -> list[HeardWord]:
        """Return the words that the listener has heard so far, in order of time."""
        return self.meter.decode()

    def voice_tracks(self) -> list[rtc.LocalTrackPublication]:
        """Return the microphone tracks that the agent itself has published."""
        return [
            publication
            for publication in self.room.local_participant.track_publications.values()
            if publication.source == rtc.TrackSource.SOURCE_MICROPHONE
        ]

    def history(self) -> list[str]:
        """Return the texts of the agent in the chat history."""
        return list(self.items)

    def report(self) -> str:
        """Return all observations as text for the message of a failed assertion."""
        heard = [
            f"{h.word} {h.start_s - self.turns[0].said_at:.2f} x{h.share:.2f} {h.track[-3:]}"
            for h in self.heard()
        ]
        log = [f"{at_s - self.turns[0].said_at:.2f} {event}" for at_s, event in self.log]
        return "\n".join(("", ", ".join(heard), *self.items, *log, str(self.counts)))

    def check(self, *, cut: Collection[str] = (), repeated: int = 0) -> None:
        """Check the laws of playback for every turn so far.

        Args:
            cut: Words that the listener need not have heard.
            repeated: Number of words that the listener may have heard twice.
        """
        self.check_finishes()
        self.check_speech(cut=cut, repeated=repeated)
        self.check_history()

    @property
    def speech_bytes(self) -> float:
        """The number of bytes of the speech of all turns, as PCM."""
        return sum(len(turn.spoken_words) for turn in self.turns) * WORD_S * RATE_HZ * 2

    async def check_addressed(self) -> None:
        """Check that the listener received no raw speech, only a few kB such as transcripts."""
        assert await self.listener.data_bytes() < STRAY_SHARE * self.speech_bytes

    def check_finishes(self) -> None:
        """Check that every segment started and finished once, at both ends of the output chain."""
        count, counts = len(self.turns), self.counts
        assert [turn.resolved for turn in self.turns] == [1] * count, self.report()
        assert (counts.started, counts.tail_started) == (count, count), self.report()
        assert (len(counts.finished), counts.tail_finished) == (count, count), self.report()

    def check_speech(self, *, cut: Collection[str] = (), repeated: int = 0) -> None:
        """Check that the listener heard every word once.

        Args:
            cut: Words that the listener need not have heard.
            repeated: Number of words that the listener may have heard twice.
        """
        said = [word for turn in self.turns for word in turn.spoken_words]
        assert len(set(said)) == len(said), "the test says a word twice, which cannot be counted"
        shares = self.meter.shares()
        assert set(shares) <= set(said), self.report()
        missing = [word for word in said if shares.get(word, 0.0) < LEAST_SHARE]
        assert set(missing) <= set(cut), f"{missing} are missing: {self.report()}"
        twice = [word for word in said if shares.get(word, 0.0) > ONCE]
        assert len(twice) <= repeated, f"{twice} were heard twice: {self.report()}"

    def check_history(self) -> None:
        """Check that the listener heard at least a part of each word in the chat history."""
        shares = self.meter.shares()
        for turn, text in zip(self.turns, self.items, strict=True):
            committed = text.split()
            assert committed == list(turn.spoken_words[: len(committed)]), self.report()
            assert set(committed) <= set(shares), f"the history is ahead: {self.report()}"

    def _log_event(self, event: AvatarEvent) -> None:
        self.log.append((asyncio.get_running_loop().time(), event))

    def _add_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "message" and item.role == "assistant":
            self.items.append(item.text_content or "")
