"""One conversation with a vendor's worker that fails, and the measurement of what a listener hears.

The agent says 18 words. The worker fails after the seventh word, or from the start. Then the agent
says eight words.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import Simulator

from avatar_core.contracts.events import AvatarFailed
from avatar_core.testing.audio.tones import TONE_S, VOCABULARY, WORD_S, HeardWord
from avatar_core.testing.fake_vendor.faults import VendorFault
from avatar_core.testing.faults.moderator import Moderator
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import livekit_settings
from avatar_core.testing.turn import LEAST_SHARE, Turn
from tests.livekit.live_conversation import ONCE, LiveConversation

FIRST, SECOND = VOCABULARY[:18], VOCABULARY[18:26]
FAULT_WORD = 6
"""Index of the last word before the fault."""
FAULT_S = FAULT_WORD * WORD_S + TONE_S + 0.06
"""Seconds of speech before the fault: the fault starts in the pause after the word."""
INTERRUPTED_WORD = 9
LISTENING_S = 0.05
"""Seconds from the sound of a worker to the sound at a listener, on loopback (measured)."""
TURN_S = 40.0
HEARD_S = 6.0
"""Seconds to wait for the last word of a turn, and then for silence. A lost word is never heard,
and a room without tracks never becomes silent."""

Action = Literal["", "mute", "revoke", "interrupt"]


@dataclass(frozen=True, slots=True)
class VendorCase:
    """A fault of a vendor's worker.

    Attributes:
        name: Name of the fault.
        faults: Fields of the worker's scenario.
        action: What the server or the user does after a word was heard.
        from_start: Whether the fault exists before the first word.
        is_alive: Whether the worker plays all audio, so that it must not be replaced.
    """

    name: str
    faults: str = ""
    action: Action = ""
    from_start: bool = False
    is_alive: bool = False


@dataclass(frozen=True, slots=True)
class Measurement:
    """The result of one conversation.

    Attributes:
        lost: Words that the listener did not hear.
        twice: Words that the listener heard twice.
        ahead: Words that the chat history contained before the listener heard them.
        event_s: Seconds from the fault to the event `AvatarFailed`; infinite without an event.
        silence_s: The longest time between two words that the listener heard, in seconds; infinite
            if the listener heard no further word.
        stop_s: Seconds from the interruption to the end of the last word of the interrupted turn;
            0 without an interruption.
    """

    lost: int
    twice: int
    ahead: int
    event_s: float
    silence_s: float
    stop_s: float = 0.0


class VendorFaultRun:
    """A conversation with a simulated vendor whose first worker has a fault.

    Args:
        server: A livekit-server.
        simulator: The simulator of the vendor.
        settings: Settings of the provider that select the simulator.
        case: The fault.
        reports: Whether the worker reports the start and the end of each segment.
    """

    def __init__(
        self,
        server: DevServer,
        simulator: Simulator,
        settings: TavusSettings,
        case: VendorCase,
        *,
        reports: bool,
    ) -> None:
        faults = case.faults if reports else f"{case.faults},reports_nothing=1"
        simulator.fail(VendorFault(worker=Scenario.parse(faults)))
        self._case = case
        self._livekit = livekit_settings(server)
        self._conversation = LiveConversation(server, settings)
        self._fault_at = self._interrupted_at = math.inf

    async def measure(self) -> Measurement:
        """Hold the conversation.

        Raises:
            RuntimeError: The avatar is not in use, so that its fault has no effect.
            TimeoutError: The avatar did not join, or a turn did not end.
        """
        async with self._conversation as conversation:
            if conversation.avatar.provider != "tavus":
                raise RuntimeError(f"The avatar is not in use: {conversation.errors}")
            await conversation.wait_until_listener_is_visible()  # speech waits for a listener
            turn = conversation.say(FIRST)
            self._fault_at = turn.said_at
            async with asyncio.timeout(TURN_S):
                await self._act()
                await turn.handle
            await self._wait_until_heard(turn)
            second = conversation.say(SECOND)
            async with asyncio.timeout(TURN_S):
                await second.handle
            await self._wait_until_heard(second)
            return self._result()

    async def _act(self) -> None:
        conversation, case = self._conversation, self._case
        if not case.action:
            return
        moderator = Moderator(self._livekit, conversation.room_name)
        identity = conversation.avatar.avatar_identity
        word = INTERRUPTED_WORD if case.action == "interrupt" else FAULT_WORD
        await conversation.wait_for_word(FIRST[word])
        if case.action == "interrupt":
            self._interrupted_at = asyncio.get_running_loop().time()
            await conversation.session.interrupt()
        elif case.action == "mute":
            await moderator.mute(identity)
        else:
            await moderator.revoke_permission(identity)
        self._fault_at = asyncio.get_running_loop().time()

    async def _wait_until_heard(self, turn: Turn) -> None:
        """Wait until the listener has heard the end of a turn, because a turn may end too early."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                await self._conversation.wait_for_word(turn.spoken_words[-1])
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                await self._conversation.wait_for_silence()

    def _result(self) -> Measurement:
        heard = sorted(self._conversation.heard(), key=lambda word: word.start_s)
        first = [word for word in heard if word.word in FIRST]
        shares = self._conversation.meter.shares()
        interrupted = self._interrupted_at < math.inf
        expected = SECOND if interrupted else (*FIRST, *SECOND)
        fault_at = self._when_failed(first)
        events = [at for at, event in self._conversation.log if isinstance(event, AvatarFailed)]
        return Measurement(
            lost=sum(shares.get(word, 0.0) < LEAST_SHARE for word in expected),
            twice=sum(share > ONCE for share in shares.values()),
            ahead=len(self._conversation.history_log.find_ahead(heard)),
            event_s=min(events, default=math.inf) - fault_at,
            silence_s=0.0 if interrupted else self._longest_silence(heard),
            stop_s=max(0.0, first[-1].end_s - self._interrupted_at) if first else 0.0,
        )

    def _when_failed(self, first: list[HeardWord]) -> float:
        """Return the time of the fault, which the worker of a scenario does not report."""
        last = [word for word in first if word.word == FIRST[FAULT_WORD]]
        if self._case.is_alive:
            return self._conversation.turns[0].said_at
        if self._case.action or self._case.from_start or not last:
            return self._fault_at
        return last[0].start_s + FAULT_S - FAULT_WORD * WORD_S - LISTENING_S

    def _longest_silence(self, heard: list[HeardWord]) -> float:
        """Return the longest silence of the first turn, and of the second turn after its start."""
        silences_s: list[float] = []
        for turn in self._conversation.turns:
            spoken = [word for word in heard if word.word in turn.spoken_words]
            for one, following in itertools.pairwise(spoken):
                silences_s.append(following.start_s - one.end_s)
            if not spoken or spoken[-1].word != turn.spoken_words[-1]:
                silences_s.append(self._silence_after(turn.said_at, spoken, heard))
            elif self._case.from_start:
                silences_s.append(spoken[0].start_s - turn.said_at)
        return max(silences_s)

    def _silence_after(
        self, said_at: float, spoken: list[HeardWord], heard: list[HeardWord]
    ) -> float:
        """Return the silence after a turn whose last words were lost."""
        ended_at = spoken[-1].end_s if spoken else said_at
        return min(
            (word.start_s for word in heard if word.start_s > ended_at), default=math.inf
        ) - (ended_at)
