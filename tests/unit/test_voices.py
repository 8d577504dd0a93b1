"""Voices of the tests speak for any time, with pauses, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.testing.audio.recording import block_rms, speech_rms
from tests.support.voices import RATE_HZ, RECORDED, VOICES, install_hint, missing_voices, speak


@pytest.mark.parametrize("voice", VOICES)
def test_speech_of_each_voice_has_pauses(voice: str) -> None:
    if voice in missing_voices():
        pytest.skip(install_hint())
    samples = np.frombuffer(speak(voice, 20.0), "<i2").astype(np.float32) / 32768
    assert samples.size == 20 * RATE_HZ
    assert 0.05 < speech_rms(samples, RATE_HZ) < 0.3
    silent = block_rms(samples, RATE_HZ) < 1e-4
    edges = np.flatnonzero(np.diff(silent, prepend=False, append=False)).reshape(-1, 2)
    pauses_s = np.diff(edges, axis=1) / 100
    assert np.count_nonzero(pauses_s > 0.1) >= 3
    assert 0.1 < np.mean(silent) < 0.7


def test_seed_decides_the_speech() -> None:
    for voice in ("tones", "synthesised"):
        assert speak(voice, 5.0, seed=1) == speak(voice, 5.0, seed=1) != speak(voice, 5.0, seed=2)


def test_missing_voice_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.voices._find_prompts", lambda _: [])
    assert missing_voices() == list(RECORDED)
    with pytest.raises(FileNotFoundError, match=r"apt-get install .*asterisk-core-sounds-fr-gsm"):
        speak("french", 1.0)
