"""The words of a transcript, and the times at which they were spoken."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.voice import io

from avatar_core.agents.segment_transcript import SegmentTranscript
from avatar_core.agents.word_splitter import split_text
from avatar_core.agents.word_times import LONGEST_WORD_S, SpeakingRate
from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio.tones import PAUSE_S, TONE_S, VOCABULARY, WORD_S, WordTones

FORMAT = AudioFormat(24_000)
SPOKEN_WORDS = VOCABULARY[:12]


def noise(duration_s: float, seed: int = 1) -> bytes:
    """Sound without pauses."""
    samples = np.random.default_rng(seed).normal(0, 4000, round(duration_s * FORMAT.rate_hz))
    return samples.astype("<i2").tobytes()


def silence(duration_s: float) -> bytes:
    return bytes(FORMAT.size(duration_s))


def transcript(text: str, *pcm: bytes, complete: bool = True) -> SegmentTranscript:
    made = SegmentTranscript(SpeakingRate())
    made.add_text(text)
    made.text_ended = True
    for piece in pcm:
        made.add_audio(piece, FORMAT)
    if complete:
        made.end_audio()
    return made


def heard(made: SegmentTranscript, position_s: float) -> str:
    made.finished = True
    made.advance(position_s)
    return made.text[: made.heard]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpha bravo", ["alpha", " bravo"]),
        ("<emotion value='very happy'/> Hi <break time='1s'/>you", 2),
        ("It costs $5 <b>now</b>. <end/>", 4),
        ("a < b > c", ["a", " <", " b", " >", " c"]),
        ("\u4f60\u597d\uff0cworld", ["\u4f60", "\u597d\uff0c", "world"]),
        ("", []),
        ("  ", []),
    ],
)
def test_split_text_splits_latin_at_spaces_and_chinese_at_each_character(
    text: str, expected: list[str] | int
) -> None:
    ends = [0, *(word.end for word in split_text(text, ended=True))]
    spoken_words = [text[start:end] for start, end in pairwise(ends)]
    if isinstance(expected, int):
        assert len(spoken_words) == expected
        assert "".join(spoken_words) == text
    else:
        assert spoken_words == expected


@given(text=st.text(alphabet="ab <>/.,\u4f60\u0e31\u0e2a$5", max_size=40), ended=st.booleans())
def test_split_text_keeps_the_order_and_omits_only_spaces_and_markup(
    text: str, ended: bool
) -> None:
    spoken_words = split_text(text, ended=ended)
    bounds = [0, *(bound for word in spoken_words for bound in (word.start, word.end))]
    assert bounds == sorted(bounds)
    between = "".join(text[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=False))
    assert re.sub(r"\s|</?[A-Za-z][^<>]*>", "", between) == ""


def test_split_text_omits_an_unfinished_last_word() -> None:
    assert [word.end for word in split_text("alpha bra", ended=False)] == [5]
    assert [word.end for word in split_text("alpha <lau", ended=False)] == [5]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("spoken_words", [SPOKEN_WORDS, (*VOCABULARY[26:], *VOCABULARY[:6])])
def test_word_between_pauses_counts_as_heard_at_its_end(
    spoken_words: tuple[str, ...], complete: bool
) -> None:
    pcm = WordTones(FORMAT.rate_hz).speak(spoken_words)
    for count in range(1, len(spoken_words) + 1):
        made = transcript(" ".join(spoken_words), pcm, complete=complete)
        if count < len(spoken_words) or complete:
            assert heard(made, count * WORD_S - PAUSE_S + 0.02).split() == [*spoken_words[:count]]
        made = transcript(" ".join(spoken_words), pcm, complete=complete)
        assert heard(made, count * WORD_S - WORD_S).split() == [*spoken_words[: count - 1]]


def test_fluent_speech_is_divided_by_the_length_of_each_word() -> None:
    text = "one extraordinary one"
    assert heard(transcript(text, noise(2.0)), 0.3) == ""
    assert heard(transcript(text, noise(2.0)), 0.41) == "one"
    assert heard(transcript(text, noise(2.0)), 2.0) == text


def test_silence_before_the_speech_does_not_count_as_a_heard_word() -> None:
    made = transcript("alpha bravo", silence(2.0), noise(0.8))
    assert heard(made, 2.0) == ""
    assert heard(made, 2.45) == "alpha"


def test_estimated_end_of_a_clause_moves_to_the_pause() -> None:
    text = "one two three, four"
    made = transcript(text, noise(0.9), silence(0.4), noise(0.9))
    assert heard(made, 0.85) == "one two"
    made = transcript(text, noise(0.9), silence(0.4), noise(0.9))
    assert heard(made, 1.2) == "one two three,"


def test_part_of_a_long_word_counts_as_heard() -> None:
    made = transcript("hello world", noise(15.0))
    assert heard(made, LONGEST_WORD_S - 0.05) == ""
    assert heard(made, LONGEST_WORD_S + 0.05) == "hello"
    assert heard(made, 7.0) == "hello"


def test_incomplete_audio_does_not_count_as_the_whole_text() -> None:
    text = " ".join(SPOKEN_WORDS)
    assert len(heard(transcript(text, noise(1.0), complete=False), 1.0).split()) <= 4
    assert len(heard(transcript(text, noise(4.0), complete=False), 1.0).split()) <= 4
    truncated = transcript(text, noise(1.0))
    truncated.truncated = True
    assert len(heard(truncated, 1.0).split()) <= 4


def test_finished_segments_set_the_speaking_rate() -> None:
    rate = SpeakingRate()
    first = rate.slowest_s
    made = SegmentTranscript(rate)
    made.add_text(" ".join(SPOKEN_WORDS))
    made.text_ended = True
    made.add_audio(noise(12.0), FORMAT)
    made.end_audio()
    made.advance_to_end()
    assert rate.slowest_s > 2 * first


def test_timestamps_of_the_text_replace_the_estimate() -> None:
    made = SegmentTranscript(SpeakingRate())
    made.add_text(io.TimedString("alpha ", start_time=0.2, end_time=0.5))
    made.add_text(io.TimedString("bravo ", start_time=2.0, end_time=2.3))
    made.add_text(io.TimedString("charlie", start_time=2.3, end_time=2.9))
    made.text_ended = True
    made.add_audio(noise(3.0), FORMAT)
    made.end_audio()
    assert [heard(made, at_s).split() for at_s in (0.1, 0.55, 1.9, 2.35, 3.0)] == [
        [],
        ["alpha"],
        ["alpha"],
        ["alpha", "bravo"],
        ["alpha", "bravo", "charlie"],
    ]


def test_heard_text_never_shrinks_and_markup_takes_no_time() -> None:
    text = "<expr label='warm surprise'/> alpha bravo"
    made = transcript(text, noise(TONE_S), silence(PAUSE_S), noise(TONE_S))
    assert heard(made, 0.2) == "<expr label='warm surprise'/> alpha"
    assert heard(made, 0.0) == "<expr label='warm surprise'/> alpha"
    made.advance_to_end()
    assert made.text[: made.heard] == text


def test_segment_accepts_audio_of_two_formats() -> None:
    stereo = np.repeat(np.frombuffer(noise(0.5), "<i2"), 2).tobytes()
    made = SegmentTranscript(SpeakingRate())
    made.add_text("alpha bravo")
    made.text_ended = True
    made.add_audio(noise(0.5), FORMAT)
    made.add_audio(stereo, AudioFormat(24_000, 2))
    made.end_audio()
    assert heard(made, 0.5) == "alpha"
