"""Word tones: each word is one dual tone, so that words heard can be counted exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import soxr

TONE_S, PAUSE_S, RAMP_S = 0.18, 0.12, 0.005
WORD_S = TONE_S + PAUSE_S
AMPLITUDE = 0.25  # of each of the two tones, of full scale

LOW_HZ = (430, 530, 650, 790, 950, 1130)
HIGH_HZ = (1430, 1690, 1990, 2350, 2770, 3250)
_NATO = """alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november
    oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"""
_DIGITS = "zero one two three four five six seven eight nine"
VOCABULARY = (*_NATO.split(), *_DIGITS.split())

_EAR_HZ = 8_000  # recordings are brought to this rate first
_HOP, _WINDOW = 40, 240  # samples at _EAR_HZ: 5 and 30 ms
_BLOCK = 4096  # frames looked at together
_NEAR = 16  # hops: a frame is judged against what is loudest this close to it
_HALF = 0.5  # an edge is where the window is half filled
_PURE = 0.4  # share of a frame's power in its two tones; half filled it is about 0.5
_FLOOR = 1.5 / 32768  # amplitude under which nothing is a tone
_JOIN_S = 0.06
_LEAST_S = 0.035

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One occurrence of a word in a recording.

    Attributes:
        word: Of `VOCABULARY`.
        start_s: Where its tone begins, seconds of the recording.
        end_s: Where its tone ends.
        share: How much of its tone sounded, 1.0 for the whole word; more where it was
            stretched, or begun again with no pause between.
        track: Where it was heard, empty where that was not told.
    """

    word: str
    start_s: float
    end_s: float
    share: float
    track: str = ""


class WordTones:
    """Speaks and hears words of `VOCABULARY`, 0.18 s of tone and 0.12 s of silence each.

    Args:
        rate_hz: Of the mono PCM that `speak` makes; 8000 or more.
    """

    words = VOCABULARY

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz

    def speak(self, words: Sequence[str]) -> bytes:
        """Mono int16 PCM of the words, `len(words) * 0.3` seconds.

        Raises:
            ValueError: A word that is not in `VOCABULARY`.
        """
        return b"".join(_spoken(word, self.rate_hz) for word in words)

    def spans(self, words: Sequence[str]) -> list[tuple[float, float]]:
        """Start and end of each word's tone in what `speak` makes, seconds."""
        word_s = round(WORD_S * self.rate_hz) / self.rate_hz
        return [(at * word_s, at * word_s + TONE_S) for at in range(len(words))]

    @staticmethod
    def hear(pcm: bytes, rate_hz: int) -> list[HeardWord]:
        """The words in a mono recording, see `hear`."""
        return hear(pcm, rate_hz)


def hear(pcm: bytes, rate_hz: int) -> list[HeardWord]:
    """Decode a listener's mono int16 recording, whatever its level.

    A tone of 40 ms or more is a word; gaps under 60 ms inside a tone do not split it. Of
    two tracks that talk at once nothing is decoded while both sound: hear them apart.

    Returns:
        Every occurrence in order; edges are good to about 5 ms.
    """
    samples: Floats = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    if rate_hz != _EAR_HZ and samples.size:
        samples = soxr.resample(samples, rate_hz, _EAR_HZ)
    if not samples.size:
        return []
    labels = _labels(samples)
    return [
        HeardWord(VOCABULARY[label], start_s, end_s, sounding_s / TONE_S)
        for label, start_s, end_s, sounding_s in _joined(_runs(labels))
        if sounding_s >= _LEAST_S
    ]


@lru_cache(maxsize=256)
def _spoken(word: str, rate_hz: int) -> bytes:
    low, high = divmod(VOCABULARY.index(word), len(HIGH_HZ))
    at_s = np.arange(round(TONE_S * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * LOW_HZ[low] * at_s) + np.sin(2 * np.pi * HIGH_HZ[high] * at_s)
    tone *= AMPLITUDE * np.clip(np.minimum(at_s, at_s[::-1]) / RAMP_S, 0, 1)
    word_pcm = np.zeros(round(WORD_S * rate_hz), "<i2")
    word_pcm[: tone.size] = np.rint(tone * 32767)
    return word_pcm.tobytes()


def _labels(samples: Floats) -> npt.NDArray[np.int64]:
    """The word that sounds at each hop, -1 for none; hop `n` is centred on `n * _HOP`."""
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW).astype(np.float32)
    turns = np.outer(np.arange(_WINDOW) / _EAR_HZ, LOW_HZ + HIGH_HZ)
    weights = window[:, None] * 2 / window.sum()
    # two products of real numbers: one of a real and a complex one is a hundred times as slow
    cosine = (np.cos(2 * np.pi * turns) * weights).astype(np.float32)
    sine = (np.sin(2 * np.pi * turns) * weights).astype(np.float32)
    blocks = [frames[at : at + _BLOCK] for at in range(0, len(frames), _BLOCK)]
    level = np.concatenate([np.hypot(block @ cosine, block @ sine) for block in blocks])
    power = np.concatenate([block**2 @ window**2 for block in blocks]) / np.sum(window**2)

    low, high = np.split(level, [len(LOW_HZ)], axis=1)
    tones = np.stack([low.max(axis=1), high.max(axis=1)])
    loudness = np.hypot(*tones)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(loudness, _NEAR), 2 * _NEAR + 1)
    sounds = (
        (tones.min(axis=0) > np.maximum(_FLOOR, 0.25 * tones.max(axis=0)))
        & (loudness >= _HALF * near.max(axis=1))
        & (loudness**2 / 2 >= _PURE * power)
    )
    return np.where(sounds, low.argmax(axis=1) * len(HIGH_HZ) + high.argmax(axis=1), -1)


def _runs(labels: npt.NDArray[np.int64]) -> Iterator[tuple[int, float, float]]:
    """Label, start and end (s) of each stretch of one word."""
    edges = np.flatnonzero(np.diff(labels, prepend=-1, append=-1))
    hop_s = _HOP / _EAR_HZ
    for start, end in pairwise(edges.tolist()):
        if labels[start] >= 0:
            yield int(labels[start]), (start - 0.5) * hop_s, (end - 0.5) * hop_s


def _joined(
    runs: Iterator[tuple[int, float, float]],
) -> Iterator[tuple[int, float, float, float]]:
    """Stretches of one word with less than `_JOIN_S` between are one; adds the time it sounded."""
    label, start_s, end_s, sounding_s = -1, 0.0, 0.0, 0.0
    for next_label, next_start_s, next_end_s in runs:
        if next_label == label and next_start_s - end_s < _JOIN_S:
            end_s, sounding_s = next_end_s, sounding_s + next_end_s - next_start_s
            continue
        if label >= 0:
            yield label, start_s, end_s, sounding_s
        label, start_s, end_s = next_label, next_start_s, next_end_s
        sounding_s = end_s - start_s
    if label >= 0:
        yield label, start_s, end_s, sounding_s
