"""One random turn of a conversation: the speech, the sound at the listener and the chat history."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass

from livekit.agents.voice import SpeechHandle

from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.live_conversation import ONCE, LiveConversation
from tests.support.gapped_speech import GappedSpeech

INTERRUPTED_SHARE = 0.3
INTERRUPTED_S = 0.3, 8.0
"""Seconds from the first sound to an interruption."""
QUIET_S = 0.8
"""Silence after a turn: more than the delay of the line."""
SLOWNESS, TURN_S, HEARD_S = 3.0, 20.0, 8.0
"""The time limit of a turn, as a multiple of its speech plus some seconds, and the limit of the
sounds after it. A line that loses 5 % of the packets carries 24 kHz PCM slower than real time."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The result of one turn. Words of natural voices are not counted.

    Attributes:
        failures: The texts of the events `AvatarFailed` in this turn.
        lost: Words of a turn without an interruption that the listener did not hear.
        twice: Words that the listener heard twice.
        ahead: Words of the chat history that the listener did not hear, or heard later.
        missing: Words of a turn without an interruption that the chat history does not contain.
        counted: The number of words that could be counted.
        interrupted: Whether the turn was interrupted.
    """

    failures: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    counted: int = 0
    interrupted: bool = False


class RandomTurn:
    """A turn with random speech that is interrupted at random.

    Args:
        conversation: The conversation.
        speech: What the agent says.
        dice: A random generator.
    """

    def __init__(
        self,
        conversation: LiveConversation,
        speech: GappedSpeech,
        dice: random.Random,
    ) -> None:
        self._conversation = conversation
        self._meter = conversation.meter
        self._speech = speech
        self._dice = dice

    async def take(self) -> TurnResult:
        """Say the speech, wait until the listener has heard its end, and compare.

        Raises:
            TimeoutError: The turn did not end.
        """
        conversation, speech = self._conversation, self._speech
        errors = len(conversation.errors)
        interrupts = self._dice.random() < INTERRUPTED_SHARE
        self._meter.restart()
        conversation.history_log.texts.clear()
        async with asyncio.timeout(SLOWNESS * speech.duration_s + TURN_S):
            turn = conversation.say_frames(speech.text, speech.frames())
            if interrupts:
                await self._interrupt(turn.handle)
            await turn.handle
        await self._wait_for_the_end(turn.handle.interrupted)
        failures = tuple(conversation.errors[errors:])
        if not speech.is_tones:
            return TurnResult(failures, interrupted=turn.handle.interrupted)
        return self._compare(failures, turn.handle.interrupted)

    async def _interrupt(self, handle: SpeechHandle) -> None:
        """Interrupt the turn some time after its first sound, unless the turn ends before."""
        ended = asyncio.ensure_future(_wait(handle))
        heard = asyncio.ensure_future(self._meter.wait_for_sound())
        await asyncio.wait((ended, heard), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((ended,), timeout=self._dice.uniform(*INTERRUPTED_S))
        ended.cancel()
        heard.cancel()
        if not handle.done():
            handle.interrupt()

    async def _wait_for_the_end(self, interrupted: bool) -> None:
        """Wait for the last word, which a turn that ended too early has not reached."""
        if self._speech.is_tones and not interrupted:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARD_S):
                    await self._meter.wait_for_word(self._speech.text[-1])
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                await self._meter.wait_for_silence(QUIET_S)

    def _compare(self, failures: tuple[str, ...], interrupted: bool) -> TurnResult:
        shares, text = self._meter.shares(), self._speech.text
        log = self._conversation.history_log
        return TurnResult(
            failures,
            lost=()
            if interrupted
            else tuple(word for word in text if shares.get(word, 0.0) < LEAST_SHARE),
            twice=tuple(word for word, share in shares.items() if share > ONCE),
            ahead=tuple(log.find_ahead(self._meter.decode())),
            missing=() if interrupted else text[len(log.spoken_words()) :],
            counted=len(text),
            interrupted=interrupted,
        )


async def _wait(handle: SpeechHandle) -> None:
    await handle.wait_for_playout()
