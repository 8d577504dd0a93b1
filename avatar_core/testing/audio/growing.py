"""Reads the tones of a recording that grows, each part only once."""

from __future__ import annotations

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.testing.audio.tones import HeardWord, decode_tones

PAUSE_S = 0.1
"""A pause between two words. The decoder looks at most 0.08 s around a tone."""
QUIET = 3
"""The largest sample of a pause. Audio that was resampled has samples of 1 or 2 there."""
STEP_S = 0.01
"""The decoder looks at the recording in steps that divide this time."""


class GrowingRecording:
    """The tones of one piece of audio, to which audio is added at the end.

    Args:
        format: The format of the audio, which is mono.
        at_s: The time of the first sample in seconds.
        track: The name of the track.
    """

    def __init__(self, format: AudioFormat, at_s: float = 0.0, track: str = "") -> None:
        self._format, self._at_s, self._track = format, at_s, track
        self._size = 0
        self._settled = 0
        """The number of bytes whose tones do not change any more; a pause is there."""
        self._before: list[HeardWord] = []
        self._tones: list[HeardWord] = []

    def read(self, pcm: bytearray) -> list[HeardWord]:
        """Find the tones.

        Args:
            pcm: All of the audio so far, int16.

        Returns:
            The tones in order.
        """
        if len(pcm) == self._size:
            return self._tones
        self._size = len(pcm)
        by_s = self._at_s + self._format.duration_s(self._settled)
        new_pcm = bytes(pcm[self._settled :])
        new = decode_tones(new_pcm, self._format.rate_hz)
        self._tones = self._before + [tone.moved(by_s, self._track) for tone in new]
        self._settle(new_pcm)
        return self._tones

    def _settle(self, new_pcm: bytes) -> None:
        """Find the last pause, so that the next call begins there."""
        samples = np.frombuffer(new_pcm, "<i2").astype(np.int32)
        loud = np.flatnonzero(np.abs(samples) > QUIET)
        edges = np.concatenate(([-1], loud, [len(samples)]))
        pauses = np.flatnonzero(np.diff(edges) > PAUSE_S * self._format.rate_hz)
        if not len(pauses):
            return
        pause_s = (edges[pauses[-1]] + 1) / self._format.rate_hz
        at_s = self._format.duration_s(self._settled) + float(pause_s) + PAUSE_S / 2
        self._settled = self._format.size(STEP_S) * int(at_s / STEP_S)
        self._before = [tone for tone in self._tones if tone.start_s < self._at_s + at_s]
