"""Opus of the tests keeps times, leaves packets out in silence, and conceals lost packets."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.testing.audio.recording import Recording, block_rms
from tests.support.opus import EMPTY_BYTES, FRAME, RATE_HZ, encode, through_opus
from tests.support.voices import speak

SILENCE = np.zeros(4 * RATE_HZ, np.float32)


@pytest.fixture(scope="module")
def speech() -> Recording:
    return Recording.from_pcm(speak("synthesised", 8.0), 24_000).at_rate(RATE_HZ)


@pytest.mark.parametrize("kbps", [16, 48])
@pytest.mark.parametrize("dtx", [False, True])
def test_opus_keeps_the_times(speech: Recording, kbps: int, dtx: bool) -> None:
    heard = through_opus(speech, kbps, dtx)
    assert heard.samples.size == speech.samples.size
    spectra = [np.fft.rfft(sound.samples) for sound in (speech, heard)]
    likeness = np.fft.irfft(np.conj(spectra[0]) * spectra[1])
    lag = (int(likeness.argmax()) + speech.samples.size // 2) % speech.samples.size
    assert abs(lag - speech.samples.size // 2) <= RATE_HZ * 0.001


def test_bit_rate_is_the_wanted_one(speech: Recording) -> None:
    sizes = [sum(map(len, encode(speech.samples, kbps))) for kbps in (16, 48)]
    assert sizes[1] > 2 * sizes[0]
    assert 8 * sizes[0] / speech.duration_s == pytest.approx(16_000, rel=0.4)


@pytest.mark.parametrize("kbps", [16, 48])
def test_only_dtx_leaves_packets_out_in_silence(kbps: int) -> None:
    empty = [
        sum(len(packet) <= EMPTY_BYTES for packet in encode(SILENCE, kbps, dtx))
        for dtx in (False, True)
    ]
    assert empty[0] == 0
    assert empty[1] > 150  # of 200


def test_decoder_conceals_a_lost_packet(speech: Recording) -> None:
    complete = through_opus(speech, 48).samples
    number = int(block_rms(complete, RATE_HZ).argmax()) // 2
    heard = through_opus(speech, 48, lost=[number]).samples
    assert block_rms(heard, RATE_HZ)[2 * number] > 0.02
    start = (number - 1) * FRAME
    assert np.array_equal(heard[:start], complete[:start])
    assert np.abs(heard - complete)[start:].max() > 0.01
