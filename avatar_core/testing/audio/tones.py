"""Word tones: each word is a dual tone, so that a program can count the words in a recording."""

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
AMPLITUDE = 0.25
"""Amplitude of each of the two tones, as a fraction of full scale."""

LOW_HZ = (430, 530, 650, 790, 950, 1130)
HIGH_HZ = (1430, 1690, 1990, 2350, 2770, 3250)
_NATO = """alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november
    oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"""
_DIGITS = "zero one two three four five six seven eight nine"
VOCABULARY = (*_NATO.split(), *_DIGITS.split())
"""The 36 words that have a tone."""

_DECODER_HZ = 8_000  # recordings are resampled to this rate first
_HOP, _WINDOW = 40, 240  # samples at _DECODER_HZ: 5 and 30 ms
_BLOCK = 44  # frames computed at once: for more, OpenBLAS starts threads that cost more CPU
_NEAR = 16  # hops; the loudness of a frame is compared with the maximum within this distance
_HALF = 0.5  # a tone starts and ends where it fills half of the window
_PURE = 0.4  # least share of a frame's power in its two tones; about 0.5 in a half-filled window
_FLOOR = 1.5 / 32768  # tones of a lower amplitude are ignored
_JOIN_S = 0.06  # shorter gaps do not split a tone
_LEAST_S = 0.035  # shorter tones are ignored

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One occurrence of a word in a recording.

    Attributes:
        word: One word of `VOCABULARY`.
        start_s: The start of the word's tone, in seconds from the start of the recording.
        end_s: The end of the word's tone, in seconds from the start of the recording.
        share: The length of the tone relative to the whole word: below 1.0 if the word was cut,
            above 1.0 if it was stretched or began again without a pause.
        track: The name of the track; empty if it is not known.
    """

    word: str
    start_s: float
    end_s: float
    share: float
    track: str = ""

    def moved(self, by_s: float, track: str = "") -> HeardWord:
        """Return the word at a later time.

        Args:
            by_s: Seconds to add to start and end.
            track: The name of the track.

        Returns:
            A new object.
        """
        return HeardWord(self.word, self.start_s + by_s, self.end_s + by_s, self.share, track)


class WordTones:
    """Synthesises words of `VOCABULARY`: for each word 0.18 s of tone and 0.12 s of silence.

    Args:
        rate_hz: The sample rate in Hz of the PCM that `speak` returns; 8000 or more.

    Attributes:
        rate_hz: The sample rate in Hz of the PCM that `speak` returns.
    """

    def __init__(self, rate_hz: int = 24_000) -> None:
        self.rate_hz = rate_hz

    def speak(self, spoken_words: Sequence[str]) -> bytes:
        """Synthesise words, 0.3 s each.

        Args:
            spoken_words: Words of `VOCABULARY`.

        Returns:
            Mono int16 PCM at `rate_hz`.

        Raises:
            ValueError: A word is not in `VOCABULARY`.
        """
        size = 2 * round(WORD_S * self.rate_hz)
        tones = (synthesise_tone(VOCABULARY.index(word), self.rate_hz) for word in spoken_words)
        return b"".join(tone.ljust(size, b"\0") for tone in tones)

    def spans(self, spoken_words: Sequence[str]) -> list[tuple[float, float]]:
        """Return start and end of each word's tone in the PCM that `speak` returns.

        Args:
            spoken_words: The words that were passed to `speak`.

        Returns:
            Start and end of each tone in seconds.
        """
        word_s = round(WORD_S * self.rate_hz) / self.rate_hz
        return [(at * word_s, at * word_s + TONE_S) for at in range(len(spoken_words))]


def decode_tones(pcm: bytes, rate_hz: int) -> list[HeardWord]:
    """Find the words in a recording of word tones at any volume.

    A word is a tone of at least 40 ms. Gaps under 60 ms inside a tone do not split it. If two
    tracks sound at once, decode each track by itself, because their mix cannot be decoded.

    Args:
        pcm: Mono int16 PCM.
        rate_hz: The sample rate of `pcm` in Hz.

    Returns:
        Every occurrence in order of time; start and end are accurate to about 5 ms.
    """
    samples: Floats = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    if rate_hz != _DECODER_HZ and samples.size:
        samples = soxr.resample(samples, rate_hz, _DECODER_HZ)
    if not samples.size:
        return []
    labels = _labels(samples)
    return [
        HeardWord(VOCABULARY[label], start_s, end_s, sounding_s / TONE_S)
        for label, start_s, end_s, sounding_s in _join(_runs(labels))
        if sounding_s >= _LEAST_S
    ]


@lru_cache(maxsize=256)
def synthesise_tone(
    number: int,
    rate_hz: int,
    duration_s: float = TONE_S,
    *,
    fades: tuple[bool, bool] = (True, True),
) -> bytes:
    """Synthesise the dual tone of one word, without the silence after the tone.

    Args:
        number: The index of the word in `VOCABULARY`.
        rate_hz: The sample rate in Hz of the result.
        duration_s: The length of the tone in seconds.
        fades: Whether the tone begins and ends with a fade of 5 ms.

    Returns:
        Mono int16 PCM.
    """
    low, high = divmod(number, len(HIGH_HZ))
    at_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * LOW_HZ[low] * at_s) + np.sin(2 * np.pi * HIGH_HZ[high] * at_s)
    from_start_s = at_s if fades[0] else np.full_like(at_s, RAMP_S)
    to_end_s = at_s[::-1] if fades[1] else np.full_like(at_s, RAMP_S)
    tone *= AMPLITUDE * np.clip(np.minimum(from_start_s, to_end_s) / RAMP_S, 0, 1)
    pcm: bytes = np.rint(tone * 32767).astype("<i2").tobytes()
    return pcm


@lru_cache(maxsize=1)
def _filters() -> tuple[Floats, Floats]:
    """Return the weights of the real and the imaginary part of each tone, and those of the power.

    One product of a real and a complex matrix would be 100 times slower.
    """
    window = np.hanning(_WINDOW).astype(np.float32)
    cycles = np.outer(np.arange(_WINDOW) / _DECODER_HZ, LOW_HZ + HIGH_HZ)
    parts = np.hstack([np.cos(2 * np.pi * cycles), np.sin(2 * np.pi * cycles)])
    weights = (parts * window[:, None] * 2 / window.sum()).astype(np.float32)
    return weights, window**2 / np.sum(window**2)


def _labels(samples: Floats) -> npt.NDArray[np.int64]:
    """Return the index of the word at each hop, -1 for silence.

    The hop with the number `n` is centred on sample `n * _HOP`.
    """
    padded = np.pad(samples, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    weights, loud = _filters()
    level = np.empty((len(frames), len(LOW_HZ + HIGH_HZ)), np.float32)
    power = np.empty(len(frames), np.float32)
    for at in range(0, len(frames), _BLOCK):
        block = np.ascontiguousarray(frames[at : at + _BLOCK])
        level[at : at + _BLOCK] = np.hypot(*np.split(block @ weights, 2, axis=1))
        power[at : at + _BLOCK] = np.square(block) @ loud

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
    """Yield label, start and end in seconds of each run of hops with the same word."""
    edges = np.flatnonzero(np.diff(labels, prepend=-1, append=-1))
    hop_s = _HOP / _DECODER_HZ
    for start, end in pairwise(edges.tolist()):
        if labels[start] >= 0:
            yield int(labels[start]), (start - 0.5) * hop_s, (end - 0.5) * hop_s


def _join(
    runs: Iterator[tuple[int, float, float]],
) -> Iterator[tuple[int, float, float, float]]:
    """Join runs of one word less than `_JOIN_S` apart, and add the total seconds of tone."""
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
