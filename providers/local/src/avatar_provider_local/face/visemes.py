"""Recognises the viseme (the mouth shape of a sound) at each moment with a small neural net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from avatar_provider_local.face.features import BANDS, HOP, RATE_HZ, WINDOW, Features, Floats

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
"""The fifteen visemes of the Oculus lip-sync reference."""
PAST, FUTURE = 5, 6
"""Frames before and after a frame that the net also reads to classify that frame."""
LOOKAHEAD_S = (FUTURE * HOP + WINDOW / 2) / RATE_HZ
"""Seconds of audio after a moment that the net needs to classify that moment: 0.0725."""
QUIET_DB, LOUD_DB = 30.0, 4.0
"""Distances below the peak level in dB at which the loudness is 0 and 1."""
KEPT_FRAMES = 200
"""Number of the latest frames that a `Tracker` keeps: 2 s."""


@dataclass(frozen=True, slots=True)
class Net:
    """A neural net that classifies visemes; `tools/train_visemes.py` trains it.

    Attributes:
        mean: Mean spectrum of the training speech, for `Features`: dB relative to the peak level,
            float32 of shape `(BANDS,)`.
        layers: The weights of each layer: a float32 matrix of shape `(inputs, outputs)` and a
            bias of shape `(outputs,)`. The first layer has `(PAST + 1 + FUTURE) * BANDS` inputs,
            and the last layer has one output for each viseme in
            `VISEMES`.
    """

    mean: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def read(cls, arrays: Mapping[str, Floats]) -> Net:
        """Create a net from the arrays of an npz file.

        Args:
            arrays: `mean`, and `matrix0`, `bias0`, `matrix1`, `bias1`, ... for the layers.

        Returns:
            The net, with all arrays as float32.

        Raises:
            KeyError: `mean` or an array of a layer is missing.
        """
        count = sum(name.startswith("matrix") for name in arrays)
        layers = tuple(
            (arrays[f"matrix{at}"].astype(np.float32), arrays[f"bias{at}"].astype(np.float32))
            for at in range(count)
        )
        return cls(arrays["mean"].astype(np.float32), layers)

    def judge(self, contexts: Floats) -> Floats:
        """Compute the probability of each viseme.

        Args:
            contexts: One row for each moment: the spectra of `PAST` frames before it, of the frame
                itself and of `FUTURE` frames after it. The type is float32, and the shape
                `(n, (PAST + 1 + FUTURE) * BANDS)`.

        Returns:
            Probabilities in the order of `VISEMES`, float32 of shape `(n, 15)`; the sum of each
            row is 1.
        """
        values = contexts
        for at, (matrix, bias) in enumerate(self.layers):
            values = values @ matrix + bias
            if at + 1 < len(self.layers):
                values = np.maximum(values, 0.0)
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(values / values.sum(axis=1, keepdims=True))


@cache
def trained() -> Net:
    """Load the net that this package contains; later calls return the same object.

    Returns:
        The net.

    Raises:
        OSError: The file `visemes.npz` of the package cannot be read.
    """
    source = files("avatar_provider_local.face").joinpath("visemes.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        return Net.read(dict(arrays))


class Tracker:
    """A viseme recogniser for a speech whose audio arrives in chunks.

    `FaceRenderer` creates one, and calls `reset` before each speech.

    Args:
        net: The neural net; None loads the net that this package contains.

    Raises:
        OSError: `net` is None, and the file `visemes.npz` of the package cannot be read.
    """

    def __init__(self, net: Net | None = None) -> None:
        self._net = net or trained()
        self._features = Features(self._net.mean)
        self.reset()

    def reset(self) -> None:
        """Forget the audio, so that the next call of `feed` starts a new speech."""
        self._features.reset()
        self._first = 0
        self._frames = np.zeros((0, BANDS), np.float32)
        self._under_db = np.zeros(0, np.float32)

    def feed(self, pcm: bytes) -> None:
        """Add the next audio of the speech.

        Args:
            pcm: PCM, int16 little-endian, mono, at `RATE_HZ`, of any length.

        Raises:
            ValueError: `pcm` has an odd number of bytes.
        """
        frames, under_db = self._features.feed(np.frombuffer(pcm, "<i2"))
        self._first += max(0, len(self._frames) + len(frames) - KEPT_FRAMES)
        self._frames = np.concatenate([self._frames, frames])[-KEPT_FRAMES:]
        self._under_db = np.concatenate([self._under_db, under_db])[-KEPT_FRAMES:]

    def at(self, times_s: Floats) -> tuple[Floats, float]:
        """Return the viseme probabilities and the loudness at moments of the speech.

        For audio that has not arrived yet, the tracker repeats the latest frame. For audio more
        than 2 s before the latest frame, the tracker repeats the oldest frame that it keeps.

        Args:
            times_s: The moments in seconds from the start of the speech, float32 of shape `(n,)`,
                at least one.

        Returns:
            The probabilities in the order of `VISEMES`, float32 of shape `(n, 15)`, and the mean
            loudness at the moments: 0 for silence, 1 for full voice. Before the first 25 ms of
            audio, the viseme is `sil` and the loudness 0.
        """
        if not len(self._frames):
            silence = np.zeros((len(times_s), len(VISEMES)), np.float32)
            silence[:, 0] = 1.0
            return silence, 0.0
        frames = np.rint((times_s * RATE_HZ - WINDOW / 2) / HOP).astype(int) - self._first
        last = len(self._frames) - 1
        around = frames[:, None] + np.arange(-PAST, FUTURE + 1)
        contexts = self._frames[np.clip(around, 0, last)].reshape(len(frames), -1)
        under_db = float(self._under_db[np.clip(frames, 0, last)].mean())
        loudness = float(np.clip((QUIET_DB - under_db) / (QUIET_DB - LOUD_DB), 0.0, 1.0))
        return self._net.judge(contexts), loudness
