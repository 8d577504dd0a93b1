"""Faults of a vendor's sound: gain, drift, another voice, fades, music and a greeting."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio.tones import VOCABULARY, WordTones, decode_tones
from avatar_core.testing.faults.added_sound import GREETING_S, AddedSound
from avatar_core.testing.faults.altered_speech import AlteredSpeech
from avatar_core.testing.faults.vendor_faults import SoundFaults
from avatar_core.testing.flash_renderer import rms_of
from tests.unit.sound import floats, silence, tone

FORMAT = AudioFormat(24_000)
CHUNK = 997
"""A size in bytes that ends inside a sample."""
SPOKEN_WORDS = VOCABULARY[:6]


def alter(pcm: bytes, **faults: float) -> bytes:
    """Return altered speech, which is fed in chunks."""
    speech = AlteredSpeech(SoundFaults(**faults), FORMAT)  # type: ignore[arg-type]
    chunks = [speech.feed(pcm[at : at + CHUNK]) for at in range(0, len(pcm), CHUNK)]
    return b"".join(chunks) + speech.end()


def decode(pcm: bytes) -> list[str]:
    return [word.word for word in decode_tones(pcm, FORMAT.rate_hz)]


@pytest.mark.parametrize("faults", [{"gain": 0.1}, {"drift": 0.01}, {"fade_s": 0.05}])
def test_altered_speech_is_still_decoded(faults: dict[str, float]) -> None:
    assert decode(alter(WordTones().speak(SPOKEN_WORDS), **faults)) == list(SPOKEN_WORDS)


def test_speech_without_a_fault_keeps_its_samples() -> None:
    pcm = WordTones().speak(SPOKEN_WORDS)
    assert np.allclose(floats(alter(pcm)), floats(pcm), atol=2 / 32768)


def test_gain_scales_the_level() -> None:
    assert rms_of(alter(tone(1.0), gain=0.5)) == pytest.approx(rms_of(tone(1.0)) / 2, rel=0.01)


def test_automatic_gain_brings_loud_and_quiet_speech_to_one_level() -> None:
    size = FORMAT.size(1.0)
    loud = rms_of(alter(tone(10.0, amplitude=0.5), auto_gain=True)[-size:])
    quiet = rms_of(alter(tone(10.0, amplitude=0.06), auto_gain=True)[-size:])
    assert loud == pytest.approx(quiet, rel=0.1)


def test_automatic_gain_is_slow() -> None:
    pcm = tone(10.0, amplitude=0.06)
    altered = alter(pcm, auto_gain=True)
    size = FORMAT.size(0.2)
    assert rms_of(altered[size : 2 * size]) < 0.7 * rms_of(altered[-size:])


def test_drift_makes_the_speech_longer() -> None:
    altered = alter(tone(10.0), drift=0.01)
    assert FORMAT.duration_s(len(altered)) == pytest.approx(10.1, abs=0.001)


def test_drift_leaves_no_gap_between_chunks() -> None:
    altered = floats(alter(tone(2.0), drift=0.01))
    steps = np.abs(np.diff(altered))
    most = 0.25 * 2 * np.pi * 500 / FORMAT.rate_hz
    assert steps.max() <= most * 1.01


def test_ring_modulation_hides_the_tones_and_keeps_the_level() -> None:
    pcm = WordTones().speak(SPOKEN_WORDS)
    altered = alter(pcm, ring_hz=70.0)
    assert decode(altered) != list(SPOKEN_WORDS)
    assert rms_of(altered) > 0.5 * rms_of(pcm)


def test_fades_start_and_end_at_silence() -> None:
    pcm = tone(1.0)
    altered = alter(pcm, fade_s=0.05)
    assert len(altered) == len(pcm)
    edge = FORMAT.size(0.005)
    assert rms_of(altered[:edge]) < 0.1 * rms_of(pcm[:edge])
    assert rms_of(altered[-edge:]) < 0.1 * rms_of(pcm[-edge:])


def test_music_has_its_level_and_hides_no_word() -> None:
    added = AddedSound(SoundFaults(music_rms=0.025), FORMAT)
    assert rms_of(added.add_to(silence(6.0))) == pytest.approx(0.025, rel=0.15)
    assert decode(added.add_to(WordTones().speak(SPOKEN_WORDS))) == list(SPOKEN_WORDS)


def test_greeting_is_loud_for_its_duration_and_is_not_a_word() -> None:
    added = AddedSound(SoundFaults(greeting_at_s=1.0), FORMAT)
    assert rms_of(added.add_to(silence(0.5))) == 0.0
    added.greet()
    greeting = added.add_to(silence(GREETING_S))
    assert rms_of(greeting) == pytest.approx(0.1, rel=0.1)
    assert decode(greeting) == []
    assert rms_of(added.add_to(silence(0.5))) == 0.0
