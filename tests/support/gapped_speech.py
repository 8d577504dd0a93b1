"""Speech as a slow TTS delivers it: with underruns of the playback in the middle of a segment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from livekit import rtc

from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from tests.support.voices import RATE_HZ, VOICES, speak

FRAME_S = 0.02
SPOKEN_COUNT = 4, len(VOCABULARY)
NATURAL_S = 3.0, 15.0
GAP_S = 0.2, 3.0
GAP_SHARE = 0.08
"""The share of the possible places at which the TTS pauses."""
STEP_S = 0.6
"""Seconds between two possible places of a pause in natural speech."""


@dataclass(frozen=True, slots=True)
class GappedSpeech:
    """The speech of one turn, in pieces between which the TTS pauses.

    Attributes:
        text: The text of the turn: the spoken words, or one word for natural speech.
        pieces: Mono int16 PCM at `RATE_HZ`.
        gaps_s: Seconds after each piece without audio; 0 after the last one.
        is_tones: Whether the speech consists of word tones, so that a meter can count the words.
    """

    text: tuple[str, ...]
    pieces: tuple[bytes, ...]
    gaps_s: tuple[float, ...]
    is_tones: bool

    @classmethod
    def choose(cls, dice: random.Random, voice: str) -> GappedSpeech:
        """Choose the length and the pauses of a turn at random.

        Args:
            dice: A random generator.
            voice: One of `VOICES`.

        Returns:
            The speech.

        Raises:
            FileNotFoundError: The voice is not installed on this machine.
        """
        if voice == "tones":
            text = tuple(dice.sample(VOCABULARY, dice.randint(*SPOKEN_COUNT)))
            parts: Sequence[bytes] = [WordTones(RATE_HZ).speak([word]) for word in text]
        else:
            text = (dice.choice(VOCABULARY),)
            pcm = speak(voice, dice.uniform(*NATURAL_S), dice.randrange(1 << 30))
            size = round(STEP_S * RATE_HZ) * 2
            parts = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        pieces, gaps_s = [b""], []
        for part in parts:
            pieces[-1] += part
            if dice.random() < GAP_SHARE:
                gaps_s.append(dice.uniform(*GAP_S))
                pieces.append(b"")
        pieces = [piece for piece in pieces if piece]
        gaps_s = [*gaps_s[: len(pieces) - 1], 0.0]
        return cls(text, tuple(pieces), tuple(gaps_s), voice == "tones")

    @property
    def duration_s(self) -> float:
        """Seconds of audio and of pauses."""
        return sum(map(len, self.pieces)) / 2 / RATE_HZ + sum(self.gaps_s)

    async def frames(self) -> AsyncIterator[rtc.AudioFrame]:
        """Yield the speech in frames of 20 ms, each piece as fast as the consumer takes it.

        Yields:
            The frames, mono int16 at `RATE_HZ`.
        """
        loop = asyncio.get_running_loop()
        size = round(FRAME_S * RATE_HZ) * 2
        played_at = loop.time()
        for piece, gap_s in zip(self.pieces, self.gaps_s, strict=True):
            played_at = max(played_at, loop.time()) + len(piece) / 2 / RATE_HZ
            for start in range(0, len(piece), size):
                part = piece[start : start + size]
                yield rtc.AudioFrame(part, RATE_HZ, 1, len(part) // 2)
            if gap_s:
                await asyncio.sleep(played_at + gap_s - loop.time())


def choose_voice(dice: random.Random) -> str:
    """Return word tones in half of the cases, and otherwise a natural voice.

    Args:
        dice: A random generator.

    Returns:
        One of `VOICES`.
    """
    return dice.choice(("tones", dice.choice([voice for voice in VOICES if voice != "tones"])))
