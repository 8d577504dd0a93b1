"""Real speech in a recording: each word of the original, and every place where it was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

MATCH, SHARE = 0.75, 0.5  # from which a place counts as the word
_RATE_HZ, _HOP, _SPAN = 8_000, 80, 256  # of features; samples between and within frames
_HOPS_PER_S = _RATE_HZ / _HOP
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 20, 120.0, 3_800.0
_CONTEXT = 2  # frames on either side that are compared along with a frame
_DEPTH = 10**-4.5  # 45 dB under the loud parts everything is silence
_STRETCH, _PAUSE, _JUMP = 0.3, 1.0, 3.0  # what leaving the straight way costs, in frames
_FOREIGN = 0.2  # what a loud frame is worth that is nothing of what was said
_NEVER = -1e9
_BLOCK = 256  # recorded frames compared with the original at once
_NEXT, _STAY, _SKIP, _RESUME, _JUMPED = 1, 0, 2, 3, 4

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Found:
    """Where a word of the original speech occurs in a recording.

    Attributes:
        word: As it was given.
        said_s: Where it begins in the original.
        times: Where it begins in the recording, seconds, ascending; every place where at
            least half of it is heard.
        scores: How alike each place is, `MATCH` to 1.
    """

    word: str
    said_s: float
    times: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @property
    def missing(self) -> bool:
        """It was never heard."""
        return not self.times

    @property
    def doubled(self) -> bool:
        """It was heard more than once."""
        return len(self.times) > 1


def align(
    said: bytes,
    heard: bytes,
    rate_hz: int,
    words: Sequence[tuple[str, float, float]],
    *,
    heard_rate_hz: int | None = None,
) -> list[Found]:
    """Find each word of a speech in a recording of it.

    It looks for the best way through the original that explains the recording, in frames of
    10 ms: straight on, a little stretched or compressed as by a jitter buffer, with pauses,
    and with jumps back (said again) and ahead (left out). So of two equal words in a text
    each is found in its own place. Pieces of words under 0.1 s may go unnoticed, and other
    speech that sounds like a word may pass for it.

    Time and memory grow with the product of both lengths: a minute in a minute takes about
    2 s and 80 MB.

    Args:
        said: Original mono int16 PCM.
        heard: Recording, mono int16 PCM.
        rate_hz: Of the original.
        words: Each word with start and end in the original, seconds.
        heard_rate_hz: Of the recording where it differs.

    Returns:
        One entry for each of `words`, in their order.
    """
    said_frames, said_loud = _features(said, rate_hz)
    heard_frames, heard_loud = _features(heard, heard_rate_hz or rate_hz)
    found = [Found(word, start_s) for word, start_s, _ in words]
    if not said_loud.any() or not heard_loud.any():
        return found
    way, passes = _way(said_frames, heard_frames, heard_loud)
    alike = np.einsum("tf,tf->t", heard_frames, said_frames[way])
    for entry, (_, start_s, end_s) in zip(found, words, strict=True):
        start = round(start_s * _HOPS_PER_S)
        end = max(start + 1, round(end_s * _HOPS_PER_S))
        inside = heard_loud & (way >= start) & (way < end)
        for number in np.unique(passes[inside]):
            at = np.flatnonzero(inside & (passes == number))
            covered = said_loud[way[at[0]] : way[at[-1]] + 1].sum()
            score = float(alike[at].mean())
            if score >= MATCH and covered >= SHARE * max(1, said_loud[start:end].sum()):
                entry.times.append(max(0, at[0] - way[at[0]] + start) / _HOPS_PER_S)
                entry.scores.append(score)
    return found


def _features(pcm: bytes, rate_hz: int) -> tuple[Floats, Bools]:
    """Normalised log-mel frames with context, `(frames, features)`, and which are loud."""
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
    """Triangular filters, `(spectrum lines, bands)`."""
    lowest, highest = 2595 * np.log10(1 + np.array([_LOWEST_HZ, _HIGHEST_HZ]) / 700)
    corners = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 2) / 2595) - 1)
    lines = np.fft.rfftfreq(_SPAN, 1 / _RATE_HZ)[:, None]
    rising = (lines - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - lines) / (corners[2:] - corners[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def _way(said: Floats, heard: Floats, heard_loud: Bools) -> tuple[Ints, Ints]:
    """The best way through `said`, Viterbi's.

    A heard frame is either a frame of `said` or a pause before one; a pause remembers where
    to go on. A state is a frame's number, or `-1 - number` for the pause before it.

    Returns:
        The frame of `said` for each heard frame, -1 in a pause; and a number for each heard
        frame that goes up with every jump.
    """
    size, count = len(said), len(heard)
    speak = np.full(size + 2, _NEVER, np.float32)  # two that are never reached come first
    pause = np.full(size + 1, _NEVER, np.float32)
    pause[0] = 0.0
    moves = np.empty((count, size), np.int8)
    begun = np.empty((count, size + 1), np.bool_)
    origins = np.empty(count, np.int64)
    for at in range(count):
        if at % _BLOCK == 0:
            alike = heard[at : at + _BLOCK] @ said.T
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
        pause = np.maximum(pause, entered) + np.float32(_FOREIGN if heard_loud[at] else 1.0)
        speak[2:] = score + alike[at % _BLOCK]

    _, state = _best(speak, pause)
    way, jumps = np.full(count, -1), np.zeros(count, np.int64)
    for at in range(count - 1, -1, -1):
        if state < 0:
            state = -2 - state if begun[at, -1 - state] else state
            continue
        way[at], move = state, moves[at, state]
        jumps[at] = move == _JUMPED
        if move == _JUMPED:
            state = int(origins[at])
        else:
            state = -1 - state if move == _RESUME else state - int(move)
    return way, np.cumsum(jumps)


def _best(speak: Floats, pause: Floats) -> tuple[float, int]:
    """Score and state of the best end so far."""
    speaking, pausing = int(speak.argmax()), int(pause.argmax())
    if speak[speaking] >= pause[pausing]:
        return float(speak[speaking]), speaking - 2
    return float(pause[pausing]), -1 - pausing
