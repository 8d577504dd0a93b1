"""Tone codes for any text: each word is a pair of tones, so that a program can read a recording."""

from __future__ import annotations

from collections.abc import Sequence

from avatar_core.agents.word_splitter import split_text
from avatar_core.testing.audio.tones import (
    TONE_S,
    VOCABULARY,
    WORD_S,
    HeardWord,
    decode_tones,
    synthesise_tone,
)

TONES = len(VOCABULARY)
CAPACITY = TONES * (TONES - 1)
"""The number of different words that one object can speak."""
_JOIN_S = 0.06  # the two tones of a word are closer to each other than this
_NUMBERS = {tone: number for number, tone in enumerate(VOCABULARY)}

Pair = tuple[int, int]


class WordCodes:
    """Speaks any text as tones, 0.3 s for each word, and reads the words from a recording.

    Each word is a pair of tones without a pause, 0.18 s, and 0.12 s of silence. The object gives a
    pair to each new word, so the object that spoke a recording must also read it.

    Args:
        rate_hz: The sample rate in Hz of the PCM that `speak` returns; 8000 or more.

    Attributes:
        rate_hz: The sample rate in Hz of the PCM that `speak` returns.
    """

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz
        self._pairs: dict[str, Pair] = {}
        self._by_pair: dict[Pair, str] = {}
        self._log: list[str] = []

    def speak(self, spoken_words: Sequence[str]) -> bytes:
        """Synthesise words, 0.3 s each.

        Args:
            spoken_words: Words, as `split_speech` returns them.

        Returns:
            Mono int16 PCM at `rate_hz`.

        Raises:
            ValueError: The object has spoken `CAPACITY` other words.
        """
        pairs = [self._pair_of(word) for word in spoken_words]
        self._log += spoken_words
        return b"".join(self._synthesise(pair) for pair in pairs)

    def decode(self, pcm: bytes, rate_hz: int) -> list[HeardWord]:
        """Find the words in a recording of `speak`, at any volume.

        Args:
            pcm: Mono int16 PCM.
            rate_hz: The sample rate of `pcm` in Hz.

        Returns:
            Every occurrence in order of time. The share of a word that was cut is below 1.0. If
            less than half of a word was heard, its name is the most probable word.
        """
        return self.read(decode_tones(pcm, rate_hz))

    def read(self, tones: Sequence[HeardWord]) -> list[HeardWord]:
        """Read words from the tones that `decode_tones` found in a recording.

        Args:
            tones: The tones of one track, in order of time.

        Returns:
            Every occurrence in order of time, as for `decode`.
        """
        found: list[HeardWord] = []
        at = 0
        while at < len(tones):
            first = tones[at]
            if self._is_word(tones, at):
                second, at = tones[at + 1], at + 2
                word = self._by_pair[_pair(first, second)]
                gap_s = second.start_s - first.end_s
                share = first.share + second.share + (gap_s / TONE_S if gap_s < _JOIN_S else 0.0)
            else:
                second, at = first, at + 1
                word = self._guess(_NUMBERS[first.word], found[-1].word if found else "")
                share = first.share
            if word:
                found.append(HeardWord(word, first.start_s, second.end_s, share, first.track))
        return found

    def _is_word(self, tones: Sequence[HeardWord], at: int) -> bool:
        """Return whether the tone `at` and the next tone are the two tones of a word.

        Between the tones of a word that was interrupted and continued, there is a pause. The next
        tone is then the first of another word if it is close to the tone after it.
        """
        if at + 1 >= len(tones) or _pair(tones[at], tones[at + 1]) not in self._by_pair:
            return False
        if tones[at + 1].start_s - tones[at].end_s < _JOIN_S:
            return True
        return (
            at + 2 >= len(tones)
            or tones[at + 2].start_s - tones[at + 1].end_s >= _JOIN_S
            or _pair(tones[at + 1], tones[at + 2]) not in self._by_pair
        )

    def _guess(self, number: int, previous: str) -> str:
        """Return the most probable word with a tone: the word after the previous one, if it has."""
        fits = {word for word, pair in self._pairs.items() if number in pair}
        for before, word in zip(reversed(self._log[:-1]), reversed(self._log[1:]), strict=True):
            if before == previous and word in fits:
                return word
        if previous in fits:
            return previous
        return next((word for word in reversed(self._log) if word in fits), "")

    def _pair_of(self, word: str) -> Pair:
        if word not in self._pairs:
            index = len(self._pairs)
            if index >= CAPACITY:
                raise ValueError(
                    f"The tone voice can speak {CAPACITY} different tokens of text, and no more. "
                    "Split the test into several calls."
                )
            first = index % TONES
            pair = self._pairs[word] = (first, (first + 1 + index // TONES) % TONES)
            self._by_pair[pair] = word
        return self._pairs[word]

    def _synthesise(self, pair: Pair) -> bytes:
        tones = b"".join(
            synthesise_tone(number, self.rate_hz, TONE_S / 2, fades=(at == 0, at == 1))
            for at, number in enumerate(pair)
        )
        return tones.ljust(2 * round(WORD_S * self.rate_hz), b"\0")


def split_speech(text: str, *, ended: bool = True) -> tuple[list[str], str]:
    """Split a text into the words that a voice speaks, and the rest that may still grow.

    Args:
        text: A text. Markup such as `<emotion value="happy"/>` is not spoken.
        ended: Whether the text is complete. If the text is incomplete, the last word is part of
            the rest.

    Returns:
        The words with their punctuation, and the rest of the text.
    """
    found = split_text(text, ended=ended)
    rest = "" if ended else text[found[-1].end :] if found else text
    return [text[word.start : word.end] for word in found if word.weight > 0], rest


def _pair(first: HeardWord, second: HeardWord) -> Pair:
    return _NUMBERS[first.word], _NUMBERS[second.word]
