"""Which mouth belongs to a sound: fifteen visemes, told from its features by a small net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from avatar_provider_local.face.features import BANDS, HOP, RATE_HZ, WINDOW, Features, Floats

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
"""The fifteen of the Oculus lip-sync reference."""
PAST, FUTURE = 5, 6
"""Frames of context around the one that is judged."""
LOOKAHEAD_S = (FUTURE * HOP + WINDOW / 2) / RATE_HZ
QUIET_DB, LOUD_DB = 30.0, 4.0
"""Under the loudest: from silence to full voice."""
KEPT_FRAMES = 200


@dataclass(frozen=True, slots=True)
class Net:
    """Weights as `tools/train_visemes.py` writes them.

    Attributes:
        mean: What is to be expected of the features' own mean, `(BANDS,)`.
        layers: Pairs of a matrix and a bias.
    """

    mean: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def read(cls, arrays: Mapping[str, Floats]) -> Net:
        """From the arrays of a file."""
        count = sum(name.startswith("matrix") for name in arrays)
        layers = tuple(
            (arrays[f"matrix{at}"].astype(np.float32), arrays[f"bias{at}"].astype(np.float32))
            for at in range(count)
        )
        return cls(arrays["mean"].astype(np.float32), layers)

    def judge(self, contexts: Floats) -> Floats:
        """Probabilities of each viseme, `(n, (PAST + 1 + FUTURE) * BANDS)` to `(n, 15)`."""
        values = contexts
        for at, (matrix, bias) in enumerate(self.layers):
            values = values @ matrix + bias
            if at + 1 < len(self.layers):
                values = np.maximum(values, 0.0)
        values = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(values / values.sum(axis=1, keepdims=True))


@cache
def trained() -> Net:
    """The net this package ships."""
    source = files("avatar_provider_local.face").joinpath("visemes.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        return Net.read(dict(arrays))


class Tracker:
    """Reads a speech as it arrives, and says which mouth belongs to any moment of it."""

    def __init__(self, net: Net | None = None) -> None:
        self._net = net or trained()
        self._features = Features(self._net.mean)
        self.reset()

    def reset(self) -> None:
        """Another speech begins."""
        self._features.reset()
        self._first = 0
        self._frames = np.zeros((0, BANDS), np.float32)
        self._under_db = np.zeros(0, np.float32)

    def feed(self, pcm: bytes) -> None:
        """Take in sound, in order."""
        frames, under_db = self._features.feed(np.frombuffer(pcm, "<i2"))
        self._first += max(0, len(self._frames) + len(frames) - KEPT_FRAMES)
        self._frames = np.concatenate([self._frames, frames])[-KEPT_FRAMES:]
        self._under_db = np.concatenate([self._under_db, under_db])[-KEPT_FRAMES:]

    def at(self, times_s: Floats) -> tuple[Floats, float]:
        """Probabilities at moments of the speech, `(n, 15)`, and how loud it is there, 0 to 1.

        Audio that has not arrived yet counts as a repetition of the last features.
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
