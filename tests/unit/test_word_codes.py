"""Tone codes carry any text: whole words, words that were cut, and words that were continued."""

from __future__ import annotations

import pytest

from avatar_core.testing.audio.word_codes import CAPACITY, WordCodes, split_speech

RATE_HZ = 24_000
TEXT = "It is sunny in Rome today, and it will be 25 degrees. Don't forget your hat!"
WORD_BYTES = 2 * round(0.3 * RATE_HZ)


def heard(codes: WordCodes, pcm: bytes) -> list[tuple[str, float]]:
    return [(word.word, round(word.share, 1)) for word in codes.decode(pcm, RATE_HZ)]


def test_every_word_of_a_text_is_read() -> None:
    codes = WordCodes()
    said = TEXT.split()
    assert heard(codes, codes.speak(said)) == [(word, 1.0) for word in said]


def test_thousand_different_tokens_are_read() -> None:
    codes = WordCodes()
    said = [f"word{number}" for number in range(CAPACITY)]
    assert [word.word for word in codes.decode(codes.speak(said), RATE_HZ)] == said
    with pytest.raises(ValueError, match="can speak 1260 different tokens"):
        codes.speak(["more"])


@pytest.mark.parametrize(("end_s", "share"), [(0.07, 0.4), (0.14, 0.8)])
def test_share_of_a_cut_word_is_its_length(end_s: float, share: float) -> None:
    codes = WordCodes()
    pcm = codes.speak(["It", "is", "sunny"])
    [_, (word, found)] = heard(codes, pcm[: WORD_BYTES + 2 * round(end_s * RATE_HZ)])
    assert word == "is"
    assert found == pytest.approx(share, abs=0.15)


def test_word_that_was_interrupted_and_continued_is_one_word() -> None:
    codes = WordCodes()
    pcm = codes.speak(["It", "is", "sunny"])
    at = WORD_BYTES + 2 * round(0.09 * RATE_HZ)
    pause = bytes(2 * RATE_HZ)
    assert heard(codes, pcm[:at] + pause + pcm[at:]) == [("It", 1.0), ("is", 1.0), ("sunny", 1.0)]


def test_repeated_word_is_read_twice() -> None:
    codes = WordCodes()
    pcm = codes.speak(["It", "is", "is", "it"])
    assert [word for word, _ in heard(codes, pcm)] == ["It", "is", "is", "it"]


def test_text_is_split_like_the_chat_history() -> None:
    assert split_speech("Hi <sigh/> there \u2014 you") == (["Hi", "there", "you"], "")
    assert split_speech("Hi the", ended=False) == (["Hi"], " the")
