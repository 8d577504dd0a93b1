"""What a listener measures: when it was silent, and what was seen."""

from __future__ import annotations

from collections.abc import Collection
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

Floats = npt.NDArray[np.float32]
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
