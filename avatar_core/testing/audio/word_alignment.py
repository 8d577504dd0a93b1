"""Finds the words of a known speech in a recording of that speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

MATCH, SHARE = 0.75, 0.5  # least similarity, and least share of a word, that count as a match
_RATE_HZ, _HOP, _SPAN = 8_000, 80, 256  # of features: sample rate, samples per hop and per frame
_HOPS_PER_S = _RATE_HZ / _HOP
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 20, 120.0, 3_800.0
_CONTEXT = 2  # neighbouring frames on either side that belong to the features of a frame
_DEPTH = 10**-4.5  # frames 45 dB below the loud parts count as silence
_STRETCH, _PAUSE, _JUMP = 0.3, 1.0, 3.0  # costs of leaving the straight path, in frames
_FOREIGN = 0.2  # score of a loud frame that matches nothing in the reference
_NEVER = -1e9
_BLOCK = 256  # recorded frames compared with the reference at once
_NEXT, _STAY, _SKIP, _RESUME, _JUMPED = 1, 0, 2, 3, 4

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class AlignedWord:
    """A word of the reference, and the places in the recording where `align` found it.

    Attributes:
        word: The text of the word.
        reference_s: The start of the word in the reference, in seconds.
        times: The starts of the word in the recording in seconds, ascending: every place where at
            least half of the word was found.
        scores: The similarity at each of `times`, from `MATCH` to 1.
    """

    word: str
    reference_s: float
    times: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @property
    def is_missing(self) -> bool:
        """Whether the recording does not contain the word."""
        return not self.times

    @property
    def is_repeated(self) -> bool:
        """Whether the recording contains the word more than once."""
        return len(self.times) > 1


def align(
    reference: bytes,
    recording: bytes,
    rate_hz: int,
    spoken_words: Sequence[tuple[str, float, float]],
    *,
    recording_rate_hz: int | None = None,
) -> list[AlignedWord]:
    """Find each word of a reference speech in a recording of the speech.

    The function finds the path through the reference that best explains the recording, in frames of
    10 ms. The path may be slightly stretched or compressed, as a jitter buffer does. The path may
    pause, and may jump back (repeated speech) or ahead (missing speech). So two equal words of a
    text are each found in their own place. The function may miss parts of words below 0.1 s, and
    may mistake other speech for a word that sounds alike.

    Time and memory grow with the product of both lengths: one minute in a recording of one minute
    takes about 2 s and 80 MB.

    Args:
        reference: The original speech, mono int16 PCM.
        recording: The recording, mono int16 PCM.
        rate_hz: The sample rate of the reference in Hz.
        spoken_words: Each word with its start and end in the reference, in seconds.
        recording_rate_hz: The sample rate of the recording in Hz; None if it equals `rate_hz`.

    Returns:
        One item for each of `spoken_words`, in the same order.
    """
    reference_frames, reference_loud = _features(reference, rate_hz)
    recorded_frames, recorded_loud = _features(recording, recording_rate_hz or rate_hz)
    results = [AlignedWord(word, start_s) for word, start_s, _ in spoken_words]
    if not reference_loud.any() or not recorded_loud.any():
        return results
    path, passes = _find_path(reference_frames, recorded_frames, recorded_loud)
    similarity = np.einsum("tf,tf->t", recorded_frames, reference_frames[path])
    for result, (_, start_s, end_s) in zip(results, spoken_words, strict=True):
        start = round(start_s * _HOPS_PER_S)
        end = max(start + 1, round(end_s * _HOPS_PER_S))
        inside = recorded_loud & (path >= start) & (path < end)
        for number in np.unique(passes[inside]):
            at = np.flatnonzero(inside & (passes == number))
            covered = reference_loud[path[at[0]] : path[at[-1]] + 1].sum()
            score = float(similarity[at].mean())
            if score >= MATCH and covered >= SHARE * max(1, reference_loud[start:end].sum()):
                result.times.append(max(0, at[0] - path[at[0]] + start) / _HOPS_PER_S)
                result.scores.append(score)
    return results


def _features(pcm: bytes, rate_hz: int) -> tuple[Floats, Bools]:
    """Compute the normalised log-mel features of audio frames, with context.

    Returns:
        The features, shape `(frames, features)`, and whether each frame is loud, shape `(frames,)`.
    """
    samples: Floats = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    if rate_hz != _RATE_HZ and samples.size:
        samples = soxr.resample(samples, rate_hz, _RATE_HZ)
    count = samples.size // _HOP
    if not count:
        return np.zeros((0, _BANDS * (2 * _CONTEXT + 1)), np.float32), np.zeros(0, np.bool_)
    padded = np.pad(samples, ((_SPAN - _HOP) // 2, _SPAN))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SPAN)[::_HOP][:count]
    power = np.abs(np.fft.rfft(frames * np.hanning(_SPAN))) ** 2 @ _mel_bands()
    floor = max(1e-9, float(np.percentile(power.mean(axis=1), 95)) * _DEPTH)
    level = np.log1p(power / floor)
    loud = level.mean(axis=1) > 1.0
    level -= level[loud].mean(axis=0) if loud.any() else 0.0
    around = np.pad(level, ((_CONTEXT, _CONTEXT), (0, 0)), mode="edge")
    stacked = np.hstack([around[at : at + count] for at in range(2 * _CONTEXT + 1)])
    stacked /= np.linalg.norm(stacked, axis=1, keepdims=True) + 1e-3
    return stacked.astype(np.float32), loud


def _mel_bands() -> npt.NDArray[np.float64]:
    """Return triangular mel filters, shape `(spectrum lines, bands)`."""
    lowest, highest = 2595 * np.log10(1 + np.array([_LOWEST_HZ, _HIGHEST_HZ]) / 700)
    corners = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 2) / 2595) - 1)
    lines = np.fft.rfftfreq(_SPAN, 1 / _RATE_HZ)[:, None]
    rising = (lines - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - lines) / (corners[2:] - corners[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def _find_path(reference: Floats, recorded: Floats, loud: Bools) -> tuple[Ints, Ints]:
    """Find the best path through the reference with the Viterbi algorithm.

    A recorded frame matches either a frame of the reference or a pause before such a frame. After
    the pause, the path continues with that frame of the reference. A state is the number of a
    frame, or `-1 - number` for the pause before the frame.

    Returns:
        For each recorded frame, the frame of the reference (-1 in a pause), and a pass number that
        increases with every jump.
    """
    size, count = len(reference), len(recorded)
    speak = np.full(size + 2, _NEVER, np.float32)  # starts with two states of no frame
    pause = np.full(size + 1, _NEVER, np.float32)
    pause[0] = 0.0
    moves = np.empty((count, size), np.int8)
    begun = np.empty((count, size + 1), np.bool_)
    origins = np.empty(count, np.int64)
    for at in range(count):
        if at % _BLOCK == 0:
            similarity = recorded[at : at + _BLOCK] @ reference.T
        best, origins[at] = _best(speak, pause)
        score = speak[1:-1].copy()
        moves[at] = _NEXT
        for move, rival in (
            (_STAY, speak[2:] - np.float32(_STRETCH)),
            (_SKIP, speak[:-2] - np.float32(_STRETCH)),
            (_RESUME, pause[:-1] - np.float32(_PAUSE)),
            (_JUMPED, np.float32(best - _JUMP)),
        ):
            moves[at][rival > score] = move
            np.maximum(score, rival, out=score)
        entered = speak[1:] - np.float32(_PAUSE)
        begun[at] = entered > pause
        pause = np.maximum(pause, entered) + np.float32(_FOREIGN if loud[at] else 1.0)
        speak[2:] = score + similarity[at % _BLOCK]

    _, state = _best(speak, pause)
    path, jumps = np.full(count, -1), np.zeros(count, np.int64)
    for at in range(count - 1, -1, -1):
        if state < 0:
            state = -2 - state if begun[at, -1 - state] else state
            continue
        path[at], move = state, moves[at, state]
        jumps[at] = move == _JUMPED
        if move == _JUMPED:
            state = int(origins[at])
        else:
            state = -1 - state if move == _RESUME else state - int(move)
    return path, np.cumsum(jumps)


def _best(speak: Floats, pause: Floats) -> tuple[float, int]:
    """Return score and state of the best path so far."""
    speaking, pausing = int(speak.argmax()), int(pause.argmax())
    if speak[speaking] >= pause[pausing]:
        return float(speak[speaking]), speaking - 2
    return float(pause[pausing]), -1 - pausing
