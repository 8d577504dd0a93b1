import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from avatar_demo import speech as module
from avatar_demo.speech import Speech, SpokenText
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.contracts.errors import AvatarError, ConfigError

TEXT = "Hello world, this is a test. It was the best of times: it's $3.50 for e-mail!"


def loudness(spoken: SpokenText, start_s: float, end_s: float) -> float:
    samples = np.frombuffer(spoken.pcm, "<i2").astype(np.float64)
    part = samples[round(start_s * spoken.rate_hz) : round(end_s * spoken.rate_hz)]
    return float(np.sqrt(np.mean(part**2)))


def test_speaks_words_where_it_says() -> None:
    spoken = Speech().speak(TEXT)
    assert spoken.rate_hz == 22_050
    assert 3 < spoken.duration_s < 10
    assert spoken.words[0][:2] == ("Hello", 0.0)
    assert all(start_s < end_s for _, start_s, end_s in spoken.words)
    assert all(a[2] <= b[1] for a, b in pairwise(spoken.words))
    assert spoken.words[-1][2] <= spoken.duration_s
    assert all(loudness(spoken, start_s, end_s) > 500 for _, start_s, end_s in spoken.words)
    ends = [word for word, _, _ in spoken.words]
    comma, stop = ends.index("world,"), ends.index("test.")
    for at in (comma, stop):
        assert loudness(spoken, spoken.words[at][2] + 0.01, spoken.words[at + 1][1] - 0.01) < 100


@given(st.text(max_size=80))
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_it(text: str) -> None:
    spoken = Speech().speak(text)
    assert len(spoken.pcm) % 2 == 0
    if spoken.words:
        assert " ".join(w for w, _, _ in spoken.words) == " ".join(text.replace("\0", " ").split())
    assert all(0 <= start <= end <= spoken.duration_s for _, start, end in spoken.words)
    assert all(a[2] <= b[1] for a, b in pairwise(spoken.words))


@pytest.mark.parametrize("text", ["", "   ", "\n", "\0"])
def test_nothing_to_say(text: str) -> None:
    spoken = Speech().speak(text)
    assert spoken.words == []
    assert spoken.duration_s < 0.1


def test_voices_do_not_mix_between_threads() -> None:
    said = Speech()
    german = Speech("de", words_per_minute=220)
    wanted, other = said.speak(TEXT), german.speak(TEXT)
    assert wanted.pcm != other.pcm
    with ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(lambda n: (german if n % 2 else said).speak(TEXT), range(40)))
    for at, text in enumerate(spoken):
        same = other if at % 2 else wanted
        assert [word[0] for word in text.words] == [word[0] for word in same.words]
        # espeak-ng breathes a little differently each time; the other voice is a third faster
        assert np.allclose(
            [word[1:] for word in text.words], [word[1:] for word in same.words], atol=0.06
        )


def test_is_much_faster_than_it_plays() -> None:
    said = Speech()
    begun_s = time.perf_counter()
    spoken = said.speak(TEXT * 5)
    assert time.perf_counter() - begun_s < spoken.duration_s / 10


def test_an_unknown_voice() -> None:
    with pytest.raises(ConfigError, match="no voice 'klingonese'"):
        Speech("klingonese")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_library", module._library.__wrapped__)
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(AvatarError, match="pip install espeakng-loader"):
        Speech()


def test_installed_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_library", module._library.__wrapped__)
    broken = SimpleNamespace(get_library_path=lambda: "/nowhere/libespeak-ng.so")
    monkeypatch.setitem(sys.modules, "espeakng_loader", broken)
    with pytest.raises(ConfigError, match="not installed"):
        Speech()
