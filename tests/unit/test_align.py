import time
from itertools import pairwise

import numpy as np
import pytest
import soxr
from avatar_demo.speech import Speech, SpokenText

from avatar_core.testing.audio.word_alignment import Found, align
from tests.unit.sound import Samples, floats, int16, jittered, opus

TEXT = (
    "It was the best of times, it was the worst of times. "
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."
)


@pytest.fixture(scope="module")
def spoken() -> SpokenText:
    return Speech().speak(TEXT)


def sent_over(samples: Samples, rate_hz: int, kbps: int = 24, seed: int | None = 0) -> bytes:
    """What a listener records at 48 kHz; without a seed the jitter buffer does nothing."""
    heard = opus(soxr.resample(samples, rate_hz, 48_000), kbps)
    return int16(heard if seed is None else jittered(heard, np.random.default_rng(seed)))


def found_in(spoken: SpokenText, heard: bytes) -> list[Found]:
    found = align(spoken.pcm, heard, spoken.rate_hz, spoken.words, heard_rate_hz=48_000)
    assert [entry.word for entry in found] == [word for word, _, _ in spoken.words]
    return found


def faults(found: list[Found]) -> tuple[list[int], list[int]]:
    """Numbers of the missing and of the doubled words."""
    return (
        [number for number, entry in enumerate(found) if entry.missing],
        [number for number, entry in enumerate(found) if entry.doubled],
    )


@pytest.mark.parametrize("kbps", [24, 32])
@pytest.mark.parametrize("seed", range(4))
def test_every_word_is_found_once(spoken: SpokenText, kbps: int, seed: int) -> None:
    found = found_in(spoken, sent_over(floats(spoken.pcm), spoken.rate_hz, kbps, seed))
    assert faults(found) == ([], [])
    assert all(a.times[0] < b.times[0] for a, b in pairwise(found))


def test_words_are_found_where_they_were_said(spoken: SpokenText) -> None:
    late = np.pad(floats(spoken.pcm), (spoken.rate_hz, 0))
    for entry in found_in(spoken, sent_over(late, spoken.rate_hz, seed=None)):
        assert entry.times[0] == pytest.approx(entry.said_s + 1.0, abs=0.03)
        assert entry.scores[0] > 0.85


@pytest.mark.parametrize("level_db", [3, -20, -40])
def test_found_at_any_level(spoken: SpokenText, level_db: int) -> None:
    quiet = floats(spoken.pcm) * 10 ** (level_db / 20)
    assert faults(found_in(spoken, sent_over(quiet, spoken.rate_hz, 32))) == ([], [])


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_found_at_any_rate(spoken: SpokenText, rate_hz: int) -> None:
    heard = int16(soxr.resample(floats(spoken.pcm), spoken.rate_hz, rate_hz))
    found = align(spoken.pcm, heard, spoken.rate_hz, spoken.words, heard_rate_hz=rate_hz)
    assert faults(found) == ([], [])
    assert faults(align(heard, heard, rate_hz, spoken.words)) == ([], [])


def planted(spoken: SpokenText, number: int, fault: str) -> Samples:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    start, after = (round(spoken.words[number + n][1] * rate_hz) for n in (0, 1))
    middle = start + round((spoken.words[number][2] * rate_hz - start) * 0.75)
    gap = np.zeros(rate_hz // 2, np.float32)
    return np.concatenate(
        {
            "dropped": [samples[:start], samples[after:]],
            "doubled": [samples[:after], samples[start:]],
            "rewound": [samples[:after], gap, samples[start:]],
            "cut and said again": [samples[:middle], gap, samples[start:]],
            "paused": [samples[:after], gap, gap, samples[after:]],
        }[fault]
    )


@pytest.mark.parametrize("fault", ["dropped", "doubled", "rewound", "cut and said again", "paused"])
def test_planted_faults_are_found(spoken: SpokenText, fault: str) -> None:
    for number in range(1, len(spoken.words) - 1, 2):
        _, start_s, end_s = word = spoken.words[number]
        if fault == "cut and said again" and (end_s - start_s) * 0.75 < 0.1:
            continue
        heard = sent_over(planted(spoken, number, fault), spoken.rate_hz, seed=number)
        missing = [number] if fault == "dropped" else []
        doubled = [] if fault in ("dropped", "paused") else [number]
        assert faults(found_in(spoken, heard)) == (missing, doubled), word


def test_two_faults_at_once(spoken: SpokenText) -> None:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    begins = [round(start_s * rate_hz) for _, start_s, _ in spoken.words]
    heard = [samples[: begins[4]], samples[begins[5] : begins[14]], samples[begins[12] :]]
    found = found_in(spoken, sent_over(np.concatenate(heard), rate_hz))
    assert faults(found) == ([4], [12, 13])


def test_speech_that_is_cut_ends_in_missing_words(spoken: SpokenText) -> None:
    cut_s = spoken.words[9][2]
    heard = floats(spoken.pcm)[: round(cut_s * spoken.rate_hz)]
    found = found_in(spoken, sent_over(np.pad(heard, (0, 30_000)), spoken.rate_hz))
    assert faults(found) == (list(range(10, len(spoken.words))), [])


@pytest.mark.parametrize("heard", [b"", bytes(2), bytes(96_000), int16(np.full(9_000, 0.5))])
def test_nothing_said_or_heard(spoken: SpokenText, heard: bytes) -> None:
    assert all(entry.missing for entry in found_in(spoken, heard))
    assert align(spoken.pcm, heard, spoken.rate_hz, []) == []
    assert align(b"", heard, 48_000, [("word", 0.0, 0.5)])[0].missing
    assert align(b"", spoken.pcm, spoken.rate_hz, [("word", 0.0, 0.5)])[0].missing


def test_noise_is_no_speech(spoken: SpokenText) -> None:
    noise = np.random.default_rng(5).normal(0, 0.05, 48_000 * 6).astype(np.float32)
    assert all(entry.missing for entry in found_in(spoken, int16(noise)))


def test_half_a_minute_takes_less_than_two_seconds() -> None:
    spoken = Speech().speak(TEXT * 4)
    heard = sent_over(floats(spoken.pcm), spoken.rate_hz)
    begun_s = time.perf_counter()
    assert faults(found_in(spoken, heard)) == ([], [])
    assert time.perf_counter() - begun_s < 2.0
