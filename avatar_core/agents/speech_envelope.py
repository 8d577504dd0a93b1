"""The envelope of a segment's audio: the times of speech and of pauses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.playback.segment import PAUSE_SHARE, SILENCE_RMS, WINDOW_S

GAP_S = 0.1
"""The shortest silence that ends a stretch of speech. The silence within a plosive such as "p"
lasts up to 0.1 s."""


ROUNDING_S = 1e-6

Floats = npt.NDArray[np.float64]


class SpeechEnvelope:
    """The loudness of a segment's audio in windows of `WINDOW_S`.

    A window contains speech unless it is silent, or 20 dB quieter than the loudest window. If the
    audio has ended without any speech, as in the tests of some applications, every window counts as
    speech.
    """

    def __init__(self) -> None:
        self._loudness: list[float] = []
        self._rest = np.empty(0)
        self._format: AudioFormat | None = None
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether all audio is known."""
        return self._ended

    @property
    def duration_s(self) -> float:
        """The seconds of audio, in whole windows."""
        return len(self._loudness) * WINDOW_S

    def append(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio to the end.

        Args:
            pcm: Whole samples: int16, little-endian, interleaved.
            format: The format of `pcm`.
        """
        if format != self._format:
            self._format, self._rest = format, np.empty(0)
        window = max(1, round(WINDOW_S * format.rate_hz))
        samples = np.frombuffer(pcm, "<i2")[:: format.channels].astype(np.float64)
        samples = np.concatenate([self._rest, samples])
        count = len(samples) // window
        if count:
            windows = samples[: count * window].reshape(count, window)
            self._loudness += np.sqrt((windows**2).mean(axis=1)).tolist()
            self._forget()
        self._rest = samples[count * window :]

    def end(self) -> None:
        """Note that no more audio follows."""
        self._ended = True
        self._forget()

    @cached_property
    def speech_s(self) -> Floats:
        """Seconds of speech up to each window: 0.0, then one value for each window."""
        return np.concatenate([[0.0], np.cumsum(self._is_speech()) * WINDOW_S])

    @cached_property
    def bursts(self) -> Sequence[tuple[float, float]]:
        """Start and end in seconds of each stretch of speech between pauses of `GAP_S`."""
        windows = np.flatnonzero(self._is_speech())
        if not len(windows):
            return []
        gaps = np.flatnonzero(np.diff(windows) > round(GAP_S / WINDOW_S))
        starts = windows[np.concatenate([[0], gaps + 1])]
        ends = windows[np.concatenate([gaps, [len(windows) - 1]])] + 1
        return list(zip((starts * WINDOW_S).tolist(), (ends * WINDOW_S).tolist(), strict=True))

    def starts_after(self, speech_s: Floats) -> Floats:
        """Return when the speech after given amounts of speech begins.

        Args:
            speech_s: Amounts of speech in seconds, ascending.

        Returns:
            Times in seconds; infinity where no more speech is known.
        """
        return self._times(np.searchsorted(self.speech_s, speech_s + ROUNDING_S) - 1, 1)

    def ends_of(self, speech_s: Floats) -> Floats:
        """Return when given amounts of speech were reached.

        Args:
            speech_s: Amounts of speech in seconds, ascending.

        Returns:
            Times in seconds; infinity for amounts that exceed the speech so far.
        """
        return self._times(np.searchsorted(self.speech_s, speech_s - ROUNDING_S), 0)

    def _times(self, windows: npt.NDArray[np.int64], reserve: int) -> Floats:
        known = windows + reserve < len(self.speech_s)
        return np.where(known, windows * WINDOW_S, np.inf)

    def _is_speech(self) -> npt.NDArray[np.bool_]:
        loudness = np.array(self._loudness)
        if not len(loudness) or loudness.max() <= SILENCE_RMS:
            return np.full(len(loudness), self._ended)
        is_speech: npt.NDArray[np.bool_] = loudness > max(SILENCE_RMS, PAUSE_SHARE * loudness.max())
        return is_speech

    def _forget(self) -> None:
        self.__dict__.pop("speech_s", None)
        self.__dict__.pop("bursts", None)
