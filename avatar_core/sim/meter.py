"""What a listener measures: when it was silent, what was seen, which words were heard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Picture

LATE_S = 0.2  # a frame later than this opens a gap
QUIET_RMS = 0.003  # of full scale, -50 dBFS
WINDOW_S = 0.01
PAUSE_S = 0.05  # a shorter pause is part of a sound
BRIGHT = 128  # of 255

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


def flash_of(picture: Picture | npt.NDArray[np.uint8]) -> bool:
    """Whether a picture is a bright one.

    Args:
        picture: RGBA, or the luma plane alone (any shape, 0 to 255).
    """
    if isinstance(picture, Picture):
        rgba = np.frombuffer(picture.rgba, np.uint8).reshape(-1, 4)
        return float(rgba[:, :3].mean(axis=0) @ (0.299, 0.587, 0.114)) > BRIGHT
    return float(picture.mean()) > BRIGHT


@dataclass(slots=True)
class _Run:
    """Frames of one track and format that are heard without a gap."""

    start_s: float
    format: AudioFormat
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def end_s(self) -> float:
        return self.start_s + self.format.duration_s(len(self.pcm))

    def mono(self, rate_hz: int) -> Floats:
        """Samples at `rate_hz`, -1 to 1."""
        frames = np.frombuffer(self.pcm, "<i2").reshape(-1, self.format.channels)
        samples: Floats = frames.mean(axis=1, dtype=np.float32) / np.float32(32768)
        if self.format.rate_hz != rate_hz and samples.size:
            samples = soxr.resample(samples, self.format.rate_hz, rate_hz)
        return samples


class Ear:
    """Lays what arrives on one timeline, and measures sound and silence there.

    Frames of a track follow one another without a gap as long as they arrive at most
    `late_s` later than they are due; a later one is laid where it arrived.

    Args:
        late_s: Tolerated jitter of arrival, seconds.
        quiet_rms: Root mean square, of full scale, under which 10 ms count as silent.
    """

    def __init__(self, late_s: float = LATE_S, quiet_rms: float = QUIET_RMS) -> None:
        self._late_s = late_s
        self._quiet_rms = quiet_rms
        self._runs: dict[str, list[_Run]] = {}
        self._loud: tuple[float, Bools] | None = None

    @property
    def tracks(self) -> list[str]:
        """Every track heard of, in order of its first frame."""
        return list(self._runs)

    def add(self, track: str, at_s: float, pcm: bytes, rate_hz: int, channels: int = 1) -> None:
        """A frame of interleaved int16 PCM arrived.

        Args:
            track: Any name; frames of one track arrive in order.
            at_s: When its first sample was there to be heard, on any one clock.
            pcm: Whole samples.
            rate_hz: Of the frame; may change between frames, as may `channels`.
            channels: Mixed down to one.
        """
        runs = self._runs.setdefault(track, [])
        format = AudioFormat(rate_hz, channels)
        due_s = runs[-1].end_s if runs else at_s
        late = at_s - due_s > self._late_s
        if not runs or late or runs[-1].format != format:
            runs.append(_Run(at_s if late else due_s, format))
        runs[-1].pcm += pcm
        self._loud = None

    def mix(
        self, rate_hz: int = 48_000, tracks: Collection[str] | None = None
    ) -> tuple[float, bytes]:
        """The sum of the tracks, clipped at full scale.

        Args:
            rate_hz: Of the result.
            tracks: Which tracks; all of them where not given.

        Returns:
            The time of its first sample, and mono int16 PCM; `(0.0, b"")` where nothing came.
        """
        heard = self._runs if tracks is None else tracks
        runs = [run for name in heard for run in self._runs.get(name, []) if run.pcm]
        if not runs:
            return 0.0, b""
        start_s = min(run.start_s for run in runs)
        pieces = [(round((r.start_s - start_s) * rate_hz), r.mono(rate_hz)) for r in runs]
        total = np.zeros(max(at + piece.size for at, piece in pieces), np.float32)
        for at, piece in pieces:
            total[at : at + piece.size] += piece
        return start_s, np.rint(np.clip(total, -1, 1) * 32767).astype("<i2").tobytes()

    def sounds(self) -> list[tuple[float, float]]:
        """Start and end (s) of what is loud in the mix; pauses under 50 ms belong to it."""
        start_s, loud = self._loudness()
        edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)).reshape(-1, 2)
        sounds: list[tuple[float, float]] = []
        for begin_s, end_s in (start_s + edges * WINDOW_S).tolist():
            joins = bool(sounds) and begin_s - sounds[-1][1] < PAUSE_S
            sounds.append((sounds.pop()[0] if joins else begin_s, end_s))
        return sounds

    def silence_around(self, at_s: float) -> float:
        """Length, seconds, of the silence at that time, or else of the next one after it.

        A silence lasts from sound to sound; before the first and after the last sound, from
        where the recording begins and to where it ends, or to `at_s` if that is outside it.
        """
        start_s, loud = self._loudness()
        sounds = self.sounds()
        for sound_start_s, sound_end_s in sounds:
            if sound_start_s <= at_s < sound_end_s:
                at_s = sound_end_s
        before = [end_s for _, end_s in sounds if end_s <= at_s]
        after = [begin_s for begin_s, _ in sounds if begin_s > at_s]
        begin_s = before[-1] if before else min(start_s, at_s)
        end_s = after[0] if after else max(start_s + loud.size * WINDOW_S, at_s)
        return end_s - begin_s if loud.size else 0.0

    def last_sound_before(self, at_s: float) -> float | None:
        """The last moment at or before `at_s` that was loud, None where there is none."""
        ends = [min(end_s, at_s) for start_s, end_s in self.sounds() if start_s < at_s]
        return ends[-1] if ends else None

    def first_sound_after(self, at_s: float) -> float | None:
        """The first moment at or after `at_s` that was loud, None where there is none."""
        starts = [max(start_s, at_s) for start_s, end_s in self.sounds() if end_s > at_s]
        return starts[0] if starts else None

    def _loudness(self) -> tuple[float, Bools]:
        """Start (s) of the mix, and whether each 10 ms of it are loud."""
        if self._loud is None:
            start_s, pcm = self.mix(16_000)
            samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
            windows = np.pad(samples, (0, -samples.size % 160)).reshape(-1, 160)
            self._loud = start_s, np.sqrt(np.mean(windows**2, axis=1)) >= self._quiet_rms
        return self._loud


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
