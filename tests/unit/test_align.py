"""The alignment finds missing and repeated words in recordings of synthesised speech."""

import time
from itertools import pairwise

import numpy as np
import pytest
import soxr
from avatar_demo.speech import SpokenText, Synthesiser

from avatar_core.testing.audio.word_alignment import AlignedWord, align
from tests.unit.sound import Samples, apply_jitter, floats, int16, opus

TEXT = (
    "It was the best of times, it was the worst of times. "
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."
)


@pytest.fixture(scope="module")
def spoken() -> SpokenText:
    return Synthesiser().speak(TEXT)


def transmit(samples: Samples, rate_hz: int, kbps: int = 24, seed: int | None = 0) -> bytes:
    """Return what a listener records, at 48 kHz; None as seed switches the jitter off."""
    heard = opus(soxr.resample(samples, rate_hz, 48_000), kbps)
    return int16(heard if seed is None else apply_jitter(heard, np.random.default_rng(seed)))


def align_with(spoken: SpokenText, heard: bytes) -> list[AlignedWord]:
    results = align(spoken.pcm, heard, spoken.rate_hz, spoken.word_times, recording_rate_hz=48_000)
    assert [result.word for result in results] == [word for word, _, _ in spoken.word_times]
    return results


def faults(results: list[AlignedWord]) -> tuple[list[int], list[int]]:
    """Return the indexes of the missing and of the repeated words."""
    return (
        [number for number, result in enumerate(results) if result.is_missing],
        [number for number, result in enumerate(results) if result.is_repeated],
    )


@pytest.mark.parametrize("kbps", [24, 32])
@pytest.mark.parametrize("seed", range(4))
def test_every_word_is_found_once_after_transmission(
    spoken: SpokenText, kbps: int, seed: int
) -> None:
    results = align_with(spoken, transmit(floats(spoken.pcm), spoken.rate_hz, kbps, seed))
    assert faults(results) == ([], [])
    assert all(a.times[0] < b.times[0] for a, b in pairwise(results))


def test_found_times_match_the_reference(spoken: SpokenText) -> None:
    late = np.pad(floats(spoken.pcm), (spoken.rate_hz, 0))
    for result in align_with(spoken, transmit(late, spoken.rate_hz, seed=None)):
        assert result.times[0] == pytest.approx(result.reference_s + 1.0, abs=0.03)
        assert result.scores[0] > 0.85


@pytest.mark.parametrize("level_db", [3, -20, -40])
def test_speech_is_aligned_at_any_level(spoken: SpokenText, level_db: int) -> None:
    quiet = floats(spoken.pcm) * 10 ** (level_db / 20)
    assert faults(align_with(spoken, transmit(quiet, spoken.rate_hz, 32))) == ([], [])


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_speech_is_aligned_at_any_sample_rate(spoken: SpokenText, rate_hz: int) -> None:
    heard = int16(soxr.resample(floats(spoken.pcm), spoken.rate_hz, rate_hz))
    results = align(spoken.pcm, heard, spoken.rate_hz, spoken.word_times, recording_rate_hz=rate_hz)
    assert faults(results) == ([], [])
    assert faults(align(heard, heard, rate_hz, spoken.word_times)) == ([], [])


def with_fault(spoken: SpokenText, number: int, fault: str) -> Samples:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    start, after = (round(spoken.word_times[number + n][1] * rate_hz) for n in (0, 1))
    middle = start + round((spoken.word_times[number][2] * rate_hz - start) * 0.75)
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


@pytest.mark.parametrize(
    "fault",
    [
        "dropped",
        "cut and said again",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("doubled", "rewound", "paused")),
    ],
)
def test_single_fault_in_a_recording_is_found(spoken: SpokenText, fault: str) -> None:
    for number in range(1, len(spoken.word_times) - 1, 2):
        _, start_s, end_s = word = spoken.word_times[number]
        if fault == "cut and said again" and (end_s - start_s) * 0.75 < 0.1:
            continue
        heard = transmit(with_fault(spoken, number, fault), spoken.rate_hz, seed=number)
        missing = [number] if fault == "dropped" else []
        doubled = [] if fault in ("dropped", "paused") else [number]
        assert faults(align_with(spoken, heard)) == (missing, doubled), word


def test_two_faults_are_found_in_one_recording(spoken: SpokenText) -> None:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    begins = [round(start_s * rate_hz) for _, start_s, _ in spoken.word_times]
    heard = [samples[: begins[4]], samples[begins[5] : begins[14]], samples[begins[12] :]]
    results = align_with(spoken, transmit(np.concatenate(heard), rate_hz))
    assert faults(results) == ([4], [12, 13])


def test_cut_recording_lacks_every_word_after_the_cut(spoken: SpokenText) -> None:
    cut_s = spoken.word_times[9][2]
    heard = floats(spoken.pcm)[: round(cut_s * spoken.rate_hz)]
    results = align_with(spoken, transmit(np.pad(heard, (0, 30_000)), spoken.rate_hz))
    assert faults(results) == (list(range(10, len(spoken.word_times))), [])


@pytest.mark.parametrize("heard", [b"", bytes(2), bytes(96_000), int16(np.full(9_000, 0.5))])
def test_every_word_of_an_empty_reference_or_recording_is_missing(
    spoken: SpokenText, heard: bytes
) -> None:
    assert all(result.is_missing for result in align_with(spoken, heard))
    assert align(spoken.pcm, heard, spoken.rate_hz, []) == []
    assert align(b"", heard, 48_000, [("word", 0.0, 0.5)])[0].is_missing
    assert align(b"", spoken.pcm, spoken.rate_hz, [("word", 0.0, 0.5)])[0].is_missing


def test_noise_does_not_match_speech(spoken: SpokenText) -> None:
    noise = np.random.default_rng(5).normal(0, 0.05, 48_000 * 6).astype(np.float32)
    assert all(result.is_missing for result in align_with(spoken, int16(noise)))


def test_aligning_half_a_minute_takes_less_than_two_cpu_seconds() -> None:
    spoken = Synthesiser().speak(TEXT * 4)
    heard = transmit(floats(spoken.pcm), spoken.rate_hz)
    started_s = time.process_time()
    assert faults(align_with(spoken, heard)) == ([], [])
    assert time.process_time() - started_s < 2.0
