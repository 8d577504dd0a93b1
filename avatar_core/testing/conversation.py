"""A scripted conversation of a real AgentSession in memory, with a recording of its audio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, Self

from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage, Tool

from avatar_core.agents.session import AvatarSession
from avatar_core.testing.audio.tones import VOCABULARY, HeardWord, WordTones, decode_tones
from avatar_core.testing.captions import CaptionLog
from avatar_core.testing.event_log import EventLog
from avatar_core.testing.outputs import MemoryOutputs, Transcription
from avatar_core.testing.room.recording import Run
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.script import RATE_HZ, THINK_S, Said, ScriptedLLM, ToneAgent, frames, said
from avatar_core.testing.scripted_responses import ToolCalls
from avatar_core.testing.turn import Turn, find_faults

TICK_S = 0.01
QUIET_S = 0.3


class Conversation:
    """A conversation with an agent that speaks word tones through an avatar, in a room in memory.

    A test enters the conversation with `async with`, calls `say` or `ask`, may interrupt the agent,
    and checks the turns. The agent says words of `VOCABULARY`; a number `n` means the first `n`
    words.

    Args:
        avatar: The avatar from `create_avatar`; entering the conversation starts it.
        room: The room; None creates a new room. Pass a room to inspect it or to share it with other
            agents.
        identity: The identity of the agent in the room.
        tools: The function tools of the agent.
        transcription: How the text of the agent reaches its captions.

    Attributes:
        avatar: The avatar.
        room: The room.
        identity: The identity of the agent in the room.
        model: The scripted model of the agent.
        session: The AgentSession.
        turns: The turns so far, in order.
        captions: The captions that the agent session has sent.
        events: The events of the avatar, each with its loop time in seconds.
    """

    def __init__(
        self,
        avatar: AvatarSession,
        room: MemoryRoom | None = None,
        identity: str = "agent",
        *,
        tools: Sequence[Tool] = (),
        transcription: Transcription = "synchronized",
    ) -> None:
        self.avatar = avatar
        self.room = room or MemoryRoom()
        self.identity = identity
        self.model = ScriptedLLM()
        self.session: AgentSession[Any] = AgentSession(llm=self.model)
        self.turns: list[Turn] = []
        self.captions = CaptionLog()
        self.events = EventLog(avatar).records
        self._tools = tools
        self._tones = WordTones(RATE_HZ)
        self._transcription = transcription

    async def __aenter__(self) -> Self:
        await self.avatar.start(self.session, self.room.agent(self.identity))
        self._outputs = MemoryOutputs(self.session, self._transcription, self.captions)
        await self.session.start(ToneAgent(self._tools))
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.session.aclose()
        await self.avatar.aclose()
        await self._outputs.aclose()

    def say(self, spoken_words: int | Sequence[str]) -> Turn:
        """Make the agent speak words.

        Args:
            spoken_words: Words of `VOCABULARY`, or the number of words from its start.

        Returns:
            The new turn.

        Raises:
            ValueError: A word is not in `VOCABULARY`, or there are no words or too many.
            RuntimeError: The AgentSession is not running.
        """
        spoken_words = _spoken_words(spoken_words)
        audio = frames(self._tones.speak(spoken_words))
        handle = self.session.say(" ".join(spoken_words), audio=audio)
        return self._begin(Turn(spoken_words, handle, self._now))

    async def ask(
        self, text: str, response: int | Sequence[str], *, calls: ToolCalls | None = None
    ) -> Turn:
        """Send a user message to the agent, whose model gives the scripted response.

        This interrupts the agent's speech, as AgentSession does for text from the room
        (livekit-agents 1.8.9, `voice/room_io/types.py`).

        Args:
            text: The text of the user message.
            response: Words of `VOCABULARY`, or the number of words from its start.
            calls: Arguments of the tools that the model calls before the response, by tool name;
                None for no calls.

        Returns:
            The new turn.

        Raises:
            RuntimeError: The AgentSession is not running.
            ValueError: There are no words or too many.
        """
        self.model.responses[text] = spoken_words = _spoken_words(response)
        self.model.calls[text] = calls or {}
        cut = [turn for turn in self.turns if not turn.handle.done()]
        await self.session.interrupt()
        for turn in cut:
            turn.cut, turn.until_at = True, self._now + THINK_S / 2
        handle = self.session.generate_reply(user_input=text)
        return self._begin(Turn(spoken_words, handle, self._now, user_text=text))

    def history(self) -> Said:
        """Return the messages of user and agent in the chat history.

        Returns:
            Role and text of each message, in order.
        """
        return said(self.session.history)

    async def over(self, turn: Turn) -> Turn:
        """Wait until a turn has ended, and fill in its `heard`, `history` and `captions`.

        Args:
            turn: A turn of this conversation.

        Returns:
            The same turn.
        """
        await turn.handle
        await asyncio.sleep(QUIET_S)
        turn.heard = self._heard_in(turn)
        items = [item for item in turn.handle.chat_items if isinstance(item, ChatMessage)]
        turn.history = " ".join(item.text_content or "" for item in items)
        turn.captions = self.captions.between(turn.said_at, turn.until_at)
        return turn

    async def interrupt_at(self, turn: Turn, word: int) -> None:
        """Interrupt a turn in the middle of the tone of a word.

        Args:
            turn: The turn.
            word: The index of the word in the turn, from 0.

        Raises:
            IndexError: The turn has no word with this index.
        """
        await self.until_heard(turn, word)
        turn.cut = True
        turn.handle.interrupt()

    async def until_heard(self, turn: Turn, word: int) -> None:
        """Wait until half of a word's tone was heard, or the turn has ended.

        Args:
            turn: The turn.
            word: The index of the word in the turn, from 0.

        Raises:
            IndexError: The turn has no word with this index.
        """
        _check_index(word, turn.spoken_words)
        start_s, end_s = self._tones.spans(turn.spoken_words)[word]
        # Polling is cheap in virtual time, and a recording has no event to wait for.
        while self._sound_s(turn.said_at) < (start_s + end_s) / 2 and not turn.handle.done():  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)

    def faults(self) -> list[str]:
        """Check the turns for words that were lost or repeated, and for a wrong chat history.

        Returns:
            One sentence for each fault; empty if there are none.
        """
        return [
            f"turn {number}: {fault}"
            for number, turn in enumerate(self.turns, 1)
            for fault in find_faults(
                turn, self.history(), has_captions=self._transcription == "synchronized"
            )
        ]

    def _heard_in(self, turn: Turn) -> list[HeardWord]:
        """Return the words of a turn.

        A cut divides a word into pieces, and the decoder ignores pieces that are too short. So the
        runs of one voice that follow each other are decoded as one recording.
        """
        since_s, until_s = turn.said_at, turn.until_at
        runs = [run for run in self._runs() if run.end_s > since_s and run.at_s < until_s]
        return [
            word
            for (_, format), pieces in groupby(runs, key=lambda run: (run.identity, run.format))
            for word in decode_tones(b"".join(run.since(since_s) for run in pieces), format.rate_hz)
        ]

    def _sound_s(self, since_s: float) -> float:
        runs = [run for run in self._runs() if run.at_s >= since_s]
        return sum(min(run.end_s, self._now) - run.at_s for run in runs)

    def _runs(self) -> list[Run]:
        """Return the recorded audio of the agent, from its own voice or from its avatar."""
        speaks_for = self.room.speaks_for
        return [
            run for run in self.room.recording.runs if speaks_for[run.identity] == self.identity
        ]

    def _begin(self, turn: Turn) -> Turn:
        self.turns.append(turn)
        return turn

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _spoken_words(spoken_words: int | Sequence[str]) -> Sequence[str]:
    if isinstance(spoken_words, int) and not isinstance(spoken_words, bool):
        if 1 <= spoken_words <= len(VOCABULARY):
            return VOCABULARY[:spoken_words]
    elif isinstance(spoken_words, Sequence) and not isinstance(spoken_words, str) and spoken_words:
        return spoken_words
    raise ValueError(
        f"The agent cannot say {spoken_words!r:.80}. Pass a number from 1 to {len(VOCABULARY)}, or "
        "a part of VOCABULARY."
    )


def _check_index(word: int, spoken_words: Sequence[str]) -> None:
    is_index = isinstance(word, int) and not isinstance(word, bool)
    if not is_index or not 0 <= word < len(spoken_words):
        raise IndexError(
            f"The turn has no word {word!r:.80}. Pass an index from 0 to {len(spoken_words) - 1}."
        )
