"""The synthesiser speaks any text and returns the times of its words."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from avatar_demo import speech as module
from avatar_demo.speech import SpokenText, Synthesiser
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.contracts.errors import AvatarError, ConfigError

TEXT = "Hello world, this is a test. It was the best of times: it's $3.50 for e-mail!"


def loudness(spoken: SpokenText, start_s: float, end_s: float) -> float:
    samples = np.frombuffer(spoken.pcm, "<i2").astype(np.float64)
    part = samples[round(start_s * spoken.rate_hz) : round(end_s * spoken.rate_hz)]
    return float(np.sqrt(np.mean(part**2)))


def test_word_times_match_the_audio() -> None:
    spoken = Synthesiser().speak(TEXT)
    assert spoken.rate_hz == 22_050
    assert 3 < spoken.duration_s < 10
    assert spoken.word_times[0][:2] == ("Hello", 0.0)
    assert all(start_s < end_s for _, start_s, end_s in spoken.word_times)
    assert all(a[2] <= b[1] for a, b in pairwise(spoken.word_times))
    assert spoken.word_times[-1][2] <= spoken.duration_s
    assert all(loudness(spoken, start_s, end_s) > 500 for _, start_s, end_s in spoken.word_times)
    ends = [word for word, _, _ in spoken.word_times]
    comma, stop = ends.index("world,"), ends.index("test.")
    for at in (comma, stop):
        assert (
            loudness(spoken, spoken.word_times[at][2] + 0.01, spoken.word_times[at + 1][1] - 0.01)
            < 100
        )


@given(st.text(max_size=80))
@settings(max_examples=80, deadline=None)
def test_any_text_can_be_synthesised(text: str) -> None:
    spoken = Synthesiser().speak(text)
    assert len(spoken.pcm) % 2 == 0
    if spoken.word_times:
        assert " ".join(w for w, _, _ in spoken.word_times) == " ".join(
            text.replace("\0", " ").split()
        )
    assert all(0 <= start <= end <= spoken.duration_s for _, start, end in spoken.word_times)
    assert all(a[2] <= b[1] for a, b in pairwise(spoken.word_times))


@pytest.mark.parametrize("text", ["", "   ", "\n", "\0"])
def test_empty_text_gives_no_speech(text: str) -> None:
    spoken = Synthesiser().speak(text)
    assert spoken.word_times == []
    assert spoken.duration_s < 0.1


def test_synthesisers_in_threads_do_not_mix_their_voices() -> None:
    english = Synthesiser()
    german = Synthesiser("de", rate_wpm=220)
    wanted, other = english.speak(TEXT), german.speak(TEXT)
    assert wanted.pcm != other.pcm
    with ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(lambda n: (german if n % 2 else english).speak(TEXT), range(40)))
    for at, text in enumerate(spoken):
        same = other if at % 2 else wanted
        assert [word[0] for word in text.word_times] == [word[0] for word in same.word_times]
        # The timing of espeak-ng varies slightly; the other voice is a third faster.
        assert np.allclose(
            [word[1:] for word in text.word_times],
            [word[1:] for word in same.word_times],
            atol=0.06,
        )


def test_synthesis_is_ten_times_faster_than_playback() -> None:
    english = Synthesiser()
    started_s = time.perf_counter()
    spoken = english.speak(TEXT * 5)
    assert time.perf_counter() - started_s < spoken.duration_s / 10


def test_unknown_voice_raises_config_error() -> None:
    with pytest.raises(ConfigError, match="no voice 'klingonese'"):
        Synthesiser("klingonese")


def test_missing_package_error_contains_the_install_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_library", module._library.__wrapped__)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(AvatarError, match="pip install espeakng-loader"):
        Synthesiser()


def test_missing_library_raises_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_library", module._library.__wrapped__)
    broken = SimpleNamespace(get_library_path=lambda: "/nowhere/libespeak-ng.so")
    monkeypatch.setitem(sys.modules, "espeakng_loader", broken)
    with pytest.raises(ConfigError, match="not installed"):
        Synthesiser()
