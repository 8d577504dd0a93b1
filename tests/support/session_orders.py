"""Any order of the calls that an application makes, with a real AgentSession in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from avatar_provider_mock import MockSettings
from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage
from livekit.agents.voice import SpeechHandle, io

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.registry.selection import Item
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.captions import CaptionLog
from avatar_core.testing.outputs import MemoryOutputs
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.script import RATE_HZ, ScriptedLLM, ToneAgent, frames
from avatar_core.testing.scripted_realtime import ScriptedRealtimeModel
from tests.support.room_output import RoomOutput

Step = tuple[str, float]
"""The name of a method of `OrderHarness` without its `do_`, and its argument."""

TURN_SIZE = 4
TURN_S = 20.0
"""Longest time from the call of `say` to the end of the turn: the join limit, twice the words."""
CLOSE_S = 2.0
AVATAR_CLOSE_S = 4.0
LEAST_SHARE, MOST_SHARE = 0.6, 1.6
MOST_TWICE = 2
SMALL = {"width": 64, "height": 64, "fps": 5.0}
PROVIDERS: Sequence[Item] = (
    MockSettings(**SMALL),
    "voice",
    MockSettings(**SMALL, scenario="join_delay_s=3"),
    MockSettings(**SMALL, scenario="crash_at_s=1.5"),
    MockSettings(**SMALL, scenario="stock=1"),
    MockSettings(**SMALL, scenario="stock=1,report_loss=1"),
)


@dataclass(slots=True)
class OrderedTurn:
    """One speech of the agent.

    Attributes:
        spoken_words: Its words; no other turn has them.
        handle: The handle from AgentSession.
        excused: Whether the words need not be heard: the test interrupted them, or audio was off.
    """

    spoken_words: Sequence[str]
    handle: SpeechHandle
    excused: bool


@dataclass
class OrderHarness:
    """One agent in a room in memory, and the calls that an application makes in any order.

    Attributes:
        room: The room.
        identity: The identity of the agent.
        vocabulary: The words that this agent may say, each once; the last turn has the last ones.
        is_realtime: Whether a speech-to-speech model responds to the user.
        session: The AgentSession.
        avatars: The avatars, in the order of their creation.
        turns: The turns, in order.
        faults: What went wrong so far, as sentences.
    """

    room: MemoryRoom = field(default_factory=MemoryRoom)
    identity: str = "agent"
    vocabulary: Sequence[str] = VOCABULARY
    is_realtime: bool = False
    session: AgentSession[Any] = field(init=False)
    avatars: list[AvatarSession] = field(default_factory=list)
    turns: list[OrderedTurn] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = ScriptedRealtimeModel() if self.is_realtime else ScriptedLLM()
        self.session = AgentSession(llm=self.model)
        self.link = self.room.join(self.identity, is_agent=True)
        self._output: RoomOutput | None = None
        self._captions: MemoryOutputs | None = None
        self._detached: io.AudioOutput | None = None
        self._starting: list[asyncio.Task[None]] = []
        self._tones = WordTones(RATE_HZ)
        self._started = False

    async def run(self, steps: Sequence[Step]) -> list[str]:
        """Do all steps, let the agent speak once more, and close everything.

        Args:
            steps: The steps.

        Returns:
            The faults that were found, as sentences; empty if there are none.
        """
        for name, argument in steps:
            await getattr(self, f"do_{name}")(argument)
        await self.do_session(0)
        await self.do_enable(0)
        await self.do_on(0)
        last = None
        while last is None:  # AgentSession accepts no speech during a hand-off
            await asyncio.sleep(0.5)
            last = self._say(self.vocabulary[-TURN_SIZE:])
        await self._finish_turns()
        await self._close()
        for turn in self.turns if self.avatars else ():  # without an avatar only LiveKit speaks
            self._check_turn(turn)
        return self.faults

    # The steps.

    async def do_session(self, _: float) -> None:
        """Start the agent session, as `AgentSession.start` does with a room."""
        if self._started:
            return
        self._started = True
        if self.session.output.audio is None:
            self.session.output.audio = self._output = RoomOutput(self.link)
        self._captions = MemoryOutputs(self.session, "synchronized", CaptionLog())
        await self.session.start(ToneAgent())

    async def do_start(self, provider: float) -> None:
        """Start another avatar, and do not wait for it.

        Args:
            provider: The index of the provider in `PROVIDERS`.
        """
        avatar = create_avatar(PROVIDERS[int(provider)], livekit=IN_MEMORY)
        self.avatars.append(avatar)
        starting = asyncio.create_task(avatar.start(self.session, self.link))
        self._starting.append(starting)
        await asyncio.sleep(0)

    async def do_close(self, index: float) -> None:
        """Close one of the avatars.

        Args:
            index: The index of the avatar, modulo the number of avatars.
        """
        if self.avatars:
            avatar = self.avatars[int(index) % len(self.avatars)]
            await self._within(AVATAR_CLOSE_S, avatar.aclose(), "avatar.aclose()")

    async def do_say(self, _: float) -> None:
        """Let the agent say the next words."""
        self._say()

    async def do_ask(self, _: float) -> None:
        """Send a text of the user, which interrupts the agent and gets a response."""
        if not self._started or (spoken_words := self._unused_spoken_words()) is None:
            return
        text = f"question {len(self.turns)}"
        self.model.responses[text] = spoken_words
        await self.do_interrupt(0)
        try:
            handle = self.session.generate_reply(user_input=text)
        except RuntimeError:
            return
        self._begin(spoken_words, handle)

    async def do_interrupt(self, _: float) -> None:
        """Interrupt the agent."""
        if not self._started:
            return
        for turn in self.turns:
            turn.excused |= not turn.handle.done()
        await self._within(2.0, self.session.interrupt(), "session.interrupt()")

    async def do_off(self, _: float) -> None:
        """Remove the audio output of the session."""
        self._excuse_unheard_turns()
        if self.session.output.audio is not None:
            self._detached = self.session.output.audio
            self.session.output.audio = None

    async def do_on(self, _: float) -> None:
        """Put the audio output back."""
        if self._detached is not None and self.session.output.audio is None:
            self.session.output.audio, self._detached = self._detached, None

    async def do_disable(self, _: float) -> None:
        """Disable the audio output."""
        self._excuse_unheard_turns()
        if self.session.output.audio is not None:
            self.session.output.set_audio_enabled(False)

    async def do_enable(self, _: float) -> None:
        """Enable the audio output."""
        if self.session.output.audio is not None:
            self.session.output.set_audio_enabled(True)

    async def do_wait(self, duration_s: float) -> None:
        """Let time pass.

        Args:
            duration_s: The time in seconds.
        """
        await asyncio.sleep(duration_s)

    async def do_handoff(self, _: float) -> None:
        """Hand the session over to another agent."""
        if self._started:
            self.session.update_agent(ToneAgent())

    async def do_reconnect(self, _: float) -> None:
        """Let the agent's room reconnect in full."""
        self.room.reconnect(self.identity)

    # Checks.

    def _excuse_unheard_turns(self) -> None:
        """Excuse the turns that have not begun, since only their text follows without an output."""
        shares = self._shares()
        for turn in self.turns:
            turn.excused |= not any(shares.get(word) for word in turn.spoken_words)

    def _say(self, spoken_words: Sequence[str] | None = None) -> OrderedTurn | None:
        spoken_words = spoken_words or self._unused_spoken_words()
        if not self._started or spoken_words is None:
            return None
        audio = frames(self._tones.speak(spoken_words))
        try:
            handle = self.session.say(" ".join(spoken_words), audio=audio)
        except RuntimeError:
            return None
        return self._begin(spoken_words, handle)

    def _unused_spoken_words(self) -> Sequence[str] | None:
        first = len(self.turns) * TURN_SIZE
        return self.vocabulary[:-TURN_SIZE][first : first + TURN_SIZE] or None

    def _begin(self, spoken_words: Sequence[str], handle: SpeechHandle) -> OrderedTurn:
        output = self.session.output
        audible = output.audio is not None and output.audio_enabled
        turn = OrderedTurn(spoken_words, handle, excused=not audible)
        self.turns.append(turn)
        return turn

    async def _finish_turns(self) -> None:
        for turn in self.turns:
            await self._within(TURN_S, turn.handle.wait_for_playout(), f"turn {turn.spoken_words}")
        await asyncio.sleep(0.5)

    async def _close(self) -> None:
        await self._within(CLOSE_S, self.session.aclose(), "session.aclose()")
        for avatar in self.avatars:
            await self._within(AVATAR_CLOSE_S, avatar.aclose(), "avatar.aclose()")
        await asyncio.gather(*self._starting, return_exceptions=True)
        if self._output is not None:
            await self._output.aclose()
        if self._captions is not None:
            await self._captions.aclose()

    async def _within(self, limit_s: float, work: Any, name: str) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await work
        except TimeoutError:
            self.faults.append(f"{name} took longer than {limit_s:g} s")

    def _check_turn(self, turn: OrderedTurn) -> None:
        shares = self._shares()
        items = [item for item in turn.handle.chat_items if isinstance(item, ChatMessage)]
        history = " ".join(item.text_content or "" for item in items).split()
        if not turn.excused:
            lost = [word for word in turn.spoken_words if shares.get(word, 0) < LEAST_SHARE]
            if lost:
                self.faults.append(f"nobody heard {', '.join(lost)} of {turn.spoken_words}")
        twice = [word for word in turn.spoken_words if shares.get(word, 0) > MOST_SHARE]
        if len(twice) > MOST_TWICE:
            self.faults.append(f"{', '.join(twice)} were heard twice")
        was_heard = any(shares.get(word, 0) > 0 for word in turn.spoken_words)
        if was_heard or not turn.excused:
            ahead = [word for word in history if shares.get(word, 0) <= 0]
            if ahead:
                self.faults.append(f"the history has {', '.join(ahead)}, which nobody heard")

    def _shares(self) -> dict[str, float]:
        shares: dict[str, float] = {}
        for tone in self.room.recording.tones():
            shares[tone.word] = shares.get(tone.word, 0.0) + tone.share
        return shares
