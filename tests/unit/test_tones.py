"""Word tones are decoded exactly, through Opus, jitter, noise and any sample rate."""

import time

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.testing.audio.tones import (
    AMPLITUDE,
    TONE_S,
    VOCABULARY,
    WORD_S,
    HeardWord,
    WordTones,
    decode_tones,
)
from tests.unit.sound import apply_jitter, floats, int16, opus

SENTENCE = ["one", "two", "two", "three", "alpha", "zulu", "alpha", "nine", "eight", "eight"]
SPEECH = st.lists(st.sampled_from(VOCABULARY), max_size=12)


def texts(heard: list[HeardWord]) -> list[str]:
    return [word.word for word in heard]


def test_every_word_of_the_vocabulary_has_a_distinct_tone() -> None:
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 36
    tones = WordTones()
    assert len({tones.speak([word]) for word in VOCABULARY}) == 36
    assert texts(decode_tones(tones.speak(VOCABULARY), 24_000)) == list(VOCABULARY)


def test_speak_raises_for_an_unknown_word() -> None:
    with pytest.raises(ValueError):
        WordTones().speak(["antidisestablishmentarianism"])


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_tones_are_decoded_at_any_sample_rate(rate_hz: int) -> None:
    tones = WordTones(rate_hz)
    pcm = tones.speak(SENTENCE)
    assert len(pcm) == 2 * len(SENTENCE) * round(WORD_S * rate_hz)
    heard = decode_tones(pcm, rate_hz)
    assert texts(heard) == SENTENCE
    for word, (start_s, end_s) in zip(heard, tones.spans(SENTENCE), strict=True):
        assert word.start_s == pytest.approx(start_s, abs=0.006)
        assert word.end_s == pytest.approx(end_s, abs=0.006)
        assert word.share == pytest.approx(1.0, abs=0.06)


@given(SPEECH, st.floats(0.0, 1.0), st.sampled_from([16_000, 24_000, 44_100, 48_000]))
@settings(max_examples=80, deadline=None)
def test_truncated_recording_decodes_to_a_prefix(said: list[str], cut: float, rate_hz: int) -> None:
    tones = WordTones(rate_hz)
    pcm = tones.speak(said)
    cut_s = cut * len(said) * WORD_S
    heard = decode_tones(pcm[: 2 * round(cut_s * rate_hz)], rate_hz)
    assert texts(heard) == said[: len(heard)]
    whole = sum(end_s <= cut_s for _, end_s in tones.spans(said))
    assert whole <= len(heard) <= whole + 1
    assert all(word.share > 0.9 for word in heard[:whole])
    part_s = cut_s - whole * WORD_S
    if whole < len(said) and part_s >= 0.04:
        assert heard[-1].share == pytest.approx(part_s / TONE_S, abs=0.06)
    elif part_s < 0.03:
        assert len(heard) == whole


@given(SPEECH.filter(bool), st.sampled_from([24, 32]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_tones_survive_opus_and_a_jitter_buffer(said: list[str], kbps: int, seed: int) -> None:
    sent = floats(WordTones(48_000).speak(said))
    heard = apply_jitter(opus(sent, kbps), np.random.default_rng(seed))
    assert texts(decode_tones(int16(heard), 48_000)) == said


@pytest.mark.parametrize("level_db", [6, 0, -20, -40, -54])
@pytest.mark.parametrize("kbps", [24, 32])
def test_tones_survive_opus_at_any_level(level_db: int, kbps: int) -> None:
    sent = floats(WordTones(48_000).speak(SENTENCE)) * 10 ** (level_db / 20)
    heard = decode_tones(int16(opus(sent, kbps)), 48_000)
    assert texts(heard) == SENTENCE
    assert all(word.share == pytest.approx(1.0, abs=0.15) for word in heard)


def test_quiet_tones_are_decoded_between_loud_ones() -> None:
    parts = [floats(WordTones(48_000).speak([word])) for word in SENTENCE]
    sent = np.concatenate([part * (0.003 if at % 2 else 1.0) for at, part in enumerate(parts)])
    assert texts(decode_tones(int16(opus(sent, 32)), 48_000)) == SENTENCE


def test_word_times_are_accurate_to_12_ms_after_opus() -> None:
    heard = decode_tones(int16(opus(floats(WordTones(48_000).speak(SENTENCE)), 24)), 48_000)
    for word, (start_s, end_s) in zip(heard, WordTones().spans(SENTENCE), strict=True):
        assert word.start_s == pytest.approx(start_s, abs=0.012)
        assert word.end_s == pytest.approx(end_s, abs=0.012)


@pytest.mark.parametrize("number", range(3))
def test_lost_packet_does_not_lose_a_word(number: int) -> None:
    sent = floats(WordTones(48_000).speak(["one", "two", "three"]))
    onset = 15 * number  # in packets of 20 ms
    for packet in range(onset, onset + 9):
        heard = decode_tones(int16(opus(sent, 24, lost={packet})), 48_000)
        assert texts(heard) == ["one", "two", "three"]
        # Without its first packet, the codec starts the rest of the word quietly.
        assert heard[number].share >= (0.4 if packet == onset else 0.75)


def test_cut_word_is_decoded_with_its_heard_share_after_opus() -> None:
    sent = floats(WordTones(48_000).speak(["one", "two", "three"]))[: round(48_000 * 0.37)]
    heard = decode_tones(int16(opus(np.pad(sent, (0, 24_000)), 24)), 48_000)
    assert texts(heard) == ["one", "two"]
    assert heard[1].share == pytest.approx(0.07 / TONE_S, abs=0.1)


def test_short_gap_does_not_split_a_word_but_a_pause_does() -> None:
    pcm = WordTones(48_000).speak(["golf"])
    at = 2 * 48 * 90
    for gap_ms, count in [(10, 1), (20, 1), (50, 1), (80, 2), (120, 2)]:
        heard = decode_tones(pcm[:at] + bytes(2 * 48 * gap_ms) + pcm[at:], 48_000)
        assert texts(heard) == ["golf"] * count
        assert sum(word.share for word in heard) == pytest.approx(1.0, abs=0.12)


def test_dropped_and_repeated_tones_are_found() -> None:
    tones = WordTones(48_000)
    dropped = SENTENCE[:3] + SENTENCE[4:]
    doubled = SENTENCE[:4] + SENTENCE[3:]
    for planted in (dropped, doubled):
        assert texts(decode_tones(int16(opus(floats(tones.speak(planted)), 24)), 48_000)) == planted


def test_word_that_restarts_without_a_pause_has_a_larger_share() -> None:
    tones = WordTones(48_000)
    pcm = tones.speak(["kilo"])
    (heard,) = decode_tones(pcm[: 2 * 48 * 90] + pcm, 48_000)
    assert heard.share == pytest.approx(1.5, abs=0.08)


@pytest.mark.parametrize("pcm", [b"", bytes(2), bytes(20), bytes(96_000)])
def test_silence_decodes_to_no_word(pcm: bytes) -> None:
    assert decode_tones(pcm, 48_000) == []
    assert WordTones().speak([]) == b""


def test_noise_and_single_tones_decode_to_no_word() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, 48_000 * 10).astype(np.float32)
    assert decode_tones(int16(noise), 48_000) == []
    at_s = np.arange(48_000 * 2) / 48_000
    for single_hz in (440, 1000, 1430, 2000):
        beep = (0.5 * np.sin(2 * np.pi * single_hz * at_s)).astype(np.float32)
        assert decode_tones(int16(beep), 48_000) == []


def test_tones_are_decoded_in_noise() -> None:
    sent = floats(WordTones(48_000).speak(SENTENCE))
    noise = np.random.default_rng(2).normal(0, AMPLITUDE / 4, len(sent)).astype(np.float32)
    assert texts(decode_tones(int16(sent + noise), 48_000)) == SENTENCE


def test_tones_survive_resampling() -> None:
    sent = floats(WordTones(22_050).speak(SENTENCE))
    assert texts(decode_tones(int16(soxr.resample(sent, 22_050, 44_100)), 44_100)) == SENTENCE


def test_decoding_one_minute_takes_less_than_a_second() -> None:
    pcm = WordTones(48_000).speak(["oscar", "papa"] * 100)
    started_s = time.perf_counter()
    assert len(decode_tones(pcm, 48_000)) == 200
    assert time.perf_counter() - started_s < 1.0
