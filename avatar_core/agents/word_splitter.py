"""The words of a transcript: the end of each word in the text, and the time to say the word."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = r"</?[A-Za-z][^<>]*>"
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"  # kana, ideographs, Hangul
)
"""Characters of scripts that write no spaces between words; each of them counts as a word."""
_WORD = re.compile(
    rf"(?:\s*{_TAG})*\s*"  # markup before the word
    rf"(?P<word>[{_UNSPACED}][^\w\s<]*|(?:[^\s<{_UNSPACED}]|<(?!{_TAG[1:]})|{_TAG})+)"
    rf"(?:(?:\s*{_TAG})+\s*$)?"  # markup after it
)
_OPEN_TAG = re.compile(r"<(?:/?[A-Za-z][^<>]*)?$")
_CLAUSE_MARKS = ".,;:!?\u2026\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"  # also full-width ones
_CLAUSE_END = re.compile(rf"[{_CLAUSE_MARKS}]\W*$")

WORD_WEIGHT, LETTER_WEIGHT, DIGIT_WEIGHT, SYMBOL_WEIGHT, CHARACTER_WEIGHT = 2.0, 1.0, 7.0, 7.0, 4.0
"""The time to say each part of a word, in units of one letter. A digit or a currency sign is spoken
as a word, and an ideograph is spoken as a syllable. Each word also takes a fixed time."""
_SYMBOLS = "$€£¥%&@"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a transcript.

    Attributes:
        start: The index of the word's first character in the text, after spaces and markup.
        end: The index after the word's last character.
        weight: The relative time to say the word; 0 for markup and punctuation.
        ends_clause: Whether a punctuation mark ends the word, so that a pause may follow.
    """

    start: int
    end: int
    weight: float
    ends_clause: bool


def split_text(text: str, *, ended: bool) -> list[Word]:
    """Split a transcript into words.

    Spaces and markup such as `<emotion value="happy"/>` belong to the word after them.

    Args:
        text: The text as the language model wrote it.
        ended: Whether the text is complete. If the text is incomplete, the function omits the last
            word, which may still grow.

    Returns:
        The words in order.
    """
    if not ended:
        text = _OPEN_TAG.sub("", text)
    spoken_words = []
    for match in _WORD.finditer(text):
        visible = re.sub(_TAG, "", match.group()).strip()
        ends_clause = _CLAUSE_END.search(visible) is not None
        spoken_words.append(Word(match.start("word"), match.end(), _weight(visible), ends_clause))
    if spoken_words and not ended and spoken_words[-1].end == len(text):
        spoken_words.pop()
    return spoken_words


def _weight(visible: str) -> float:
    letters = sum(map(_character_weight, visible))
    return letters + WORD_WEIGHT if letters else 0.0


def _character_weight(character: str) -> float:
    if character.isdigit():
        return DIGIT_WEIGHT
    if character in _SYMBOLS:
        return SYMBOL_WEIGHT
    if not character.isalnum():
        return 0.0
    return CHARACTER_WEIGHT if re.match(f"[{_UNSPACED}]", character) else LETTER_WEIGHT
