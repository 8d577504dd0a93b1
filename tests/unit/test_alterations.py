"""Alterations of level and timbre do what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.testing.audio.alterations import (
    add_music,
    alter_voice,
    apply_gain,
    control_gain,
    fade_edges,
    resample,
)
from avatar_core.testing.audio.recording import Recording, block_rms, speech_rms
from tests.support.voices import RATE_HZ, speak


@pytest.fixture(scope="module")
def speech() -> Recording:
    return Recording.from_pcm(speak("synthesised", 12.0), RATE_HZ)


def test_gain_is_exact_and_clips_at_full_scale(speech: Recording) -> None:
    quiet = apply_gain(speech, -20)
    assert np.allclose(quiet.samples, speech.samples * 0.1, atol=1e-6)
    assert speech.samples.max() > 0.1
    loud = np.frombuffer(apply_gain(speech, 30).to_pcm(RATE_HZ), "<i2")
    assert (loud.min(), loud.max()) == (-32767, 32767)


def test_automatic_gain_reaches_its_target_slowly() -> None:
    hum = Recording(np.full(20 * RATE_HZ, 0.05, np.float32), RATE_HZ)
    samples = control_gain(hum, target_rms=0.1, time_constant_s=2.0).samples
    assert samples[0] == pytest.approx(0.05, rel=0.01)
    assert 0.055 < samples[2 * RATE_HZ] < 0.08
    assert samples[-1] == pytest.approx(0.1, rel=0.01)
    assert np.all(np.abs(np.diff(samples)) < 1e-5)


def test_automatic_gain_has_a_limit_and_stays_in_silence() -> None:
    quiet, silence = np.full(60 * RATE_HZ, 0.01), np.full(5 * RATE_HZ, 0.0001)
    sound = Recording(np.concatenate([quiet, silence]).astype(np.float32), RATE_HZ)
    gains = control_gain(sound).samples / sound.samples
    assert gains.max() == pytest.approx(10**0.6, rel=0.001)
    assert np.ptp(gains[61 * RATE_HZ :]) < 1e-4


def test_resampling_limits_the_bandwidth_and_keeps_the_times() -> None:
    rng = np.random.default_rng(0)
    noise = Recording(rng.normal(0, 0.1, 4 * RATE_HZ).astype(np.float32), RATE_HZ)
    heard = resample(noise, 16_000, 48_000)
    assert heard.rate_hz == 48_000
    assert heard.duration_s == pytest.approx(4.0)
    power = np.abs(np.fft.rfft(heard.samples)) ** 2
    assert power[4 * 8_200 :].sum() < 1e-4 * power.sum()


def test_music_is_20_db_below_speech_and_plays_in_pauses(speech: Recording) -> None:
    music = add_music(speech, -20).samples - speech.samples
    level_db = 20 * np.log10(np.sqrt(np.mean(music**2)) / speech_rms(speech.samples, RATE_HZ))
    assert level_db == pytest.approx(-20, abs=0.5)
    loud = block_rms(music, RATE_HZ) > 0.001
    pauses = block_rms(speech.samples, RATE_HZ) < 1e-4
    assert np.count_nonzero(pauses) > 100
    assert np.mean(loud[pauses]) > 0.9


def test_edges_at_pauses_are_faded() -> None:
    samples = np.full(RATE_HZ, 0.5, np.float32)
    samples[: RATE_HZ // 10] = samples[-RATE_HZ // 10 :] = 0
    samples[RATE_HZ // 2 :][: RATE_HZ // 20] = 0  # 50 ms: not a pause
    faded = fade_edges(Recording(samples, RATE_HZ)).samples
    at_s = np.array([0.1, 0.115, 0.131, 0.499, 0.551, 0.869, 0.885, 0.8999])
    assert faded[(at_s * RATE_HZ).astype(int)] == pytest.approx(
        [0.0, 0.25, 0.5, 0.5, 0.5, 0.5, 0.25, 0.0], abs=0.01
    )


def test_silence_has_no_edges_to_fade() -> None:
    silence = Recording(np.zeros(RATE_HZ, np.float32), RATE_HZ)
    assert not fade_edges(silence).samples.any()


def test_other_voice_keeps_the_rhythm_and_not_the_waveform(speech: Recording) -> None:
    other = alter_voice(speech)
    assert other.samples.size == speech.samples.size
    levels = [block_rms(sound.samples, RATE_HZ) for sound in (speech, other)]
    assert np.corrcoef(*levels)[0, 1] > 0.8
    spectra = [np.fft.rfft(sound.samples) for sound in (speech, other)]
    at_any_lag = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
    energy = np.linalg.norm(speech.samples) * np.linalg.norm(other.samples)
    assert np.abs(at_any_lag).max() / energy < 0.25
