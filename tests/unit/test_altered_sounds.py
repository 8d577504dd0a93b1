"""Altered sounds report positions that agree with their waveforms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avatar_core.testing.audio.recording import TimeMap
from tests.support.altered_sounds import ALTERATIONS, WITHOUT_WAVEFORM, alter, altered_sounds
from tests.support.lags import measure_lags, measure_level_lags

DURATION_S = 5.0


@pytest.mark.parametrize("alteration", [name for name in ALTERATIONS if name != WITHOUT_WAVEFORM])
def test_positions_agree_with_the_waveform(alteration: str) -> None:
    lags_s = measure_lags(alter("synthesised", alteration, DURATION_S))
    assert lags_s.size >= 6
    assert abs(np.median(lags_s)) <= 0.001
    assert np.percentile(np.abs(lags_s), 90) <= 0.003


def test_positions_of_another_voice_agree_with_its_level() -> None:
    sound = alter("synthesised", WITHOUT_WAVEFORM, 10.0)
    lags_s = measure_level_lags(sound)
    assert lags_s.size >= 6
    assert abs(np.median(lags_s)) <= 0.02


def test_measurement_finds_a_wrong_position() -> None:
    sound = alter("synthesised", "Opus at 48 kbit/s", DURATION_S)
    late = TimeMap(np.array([0.0, 9.0]), np.array([0.02, 9.02]))
    wrong = replace(sound, maps=(late, *sound.maps))
    assert np.median(measure_lags(wrong)) == pytest.approx(-0.02, abs=0.001)


def test_cached_sound_equals_the_made_sound(tmp_path: Path) -> None:
    chosen = ["delay 1 s", "drift +1 %"]
    for _ in range(2):
        sounds = list(altered_sounds(2.0, ["tones"], chosen, folder=tmp_path))
        assert [sound.name for sound in sounds] == ["tones, delay 1 s", "tones, drift +1 %"]
        for sound, alteration in zip(sounds, chosen, strict=True):
            made = alter("tones", alteration, 2.0)
            assert (sound.pushed, sound.heard) == (made.pushed, made.heard)
            times_s = np.linspace(0, 4, 50)
            assert sound.positions_at(times_s).tolist() == made.positions_at(times_s).tolist()
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_position_is_held_before_a_delayed_sound() -> None:
    sound = alter("tones", "delay 1 s", 2.0)
    assert [sound.position_at(time_s) for time_s in (0.5, 1.0, 1.5, 9.0)] == pytest.approx(
        [0.0, 0.0, 0.5, 2.0], abs=0.001
    )
