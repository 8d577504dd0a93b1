"""A recording that grows is decoded piece by piece, with the same words as in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio import growing
from avatar_core.testing.audio.growing import GrowingRecording
from avatar_core.testing.audio.tones import VOCABULARY, WordTones, decode_tones

RATE_HZ = 24_000
SPOKEN = list(VOCABULARY) * 3


@pytest.mark.parametrize("noise", [0, 2])
def test_each_part_is_decoded_once_also_with_the_noise_of_resampling(
    monkeypatch: pytest.MonkeyPatch, noise: int
) -> None:
    spoken = np.frombuffer(WordTones(RATE_HZ).speak(SPOKEN), "<i2")
    random = np.random.default_rng(seed=1)
    pcm = (spoken + random.integers(-noise, noise, len(spoken), endpoint=True)).astype("<i2")
    decoded: list[int] = []

    def decode(piece: bytes, rate_hz: int) -> list[growing.HeardWord]:
        decoded.append(len(piece))
        return decode_tones(piece, rate_hz)

    monkeypatch.setattr(growing, "decode_tones", decode)
    recording, heard = GrowingRecording(AudioFormat(RATE_HZ)), bytearray()
    step = 2 * RATE_HZ
    for at in range(0, len(pcm.tobytes()), step):
        heard += pcm.tobytes()[at : at + step]
        found = recording.read(heard)
    assert [word.word for word in found] == SPOKEN
    whole = decode_tones(pcm.tobytes(), RATE_HZ)
    assert [word.start_s for word in found] == pytest.approx(
        [word.start_s for word in whole], abs=0.011
    )
    assert max(decoded) <= 1.5 * step, "the recording decodes old words again"
