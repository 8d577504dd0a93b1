"""The latest sound that the agent has heard, and the properties of the worker's sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_core.playback.monitor.features import BANDS, FLOOR_DB, Floats, loudness

KEPT = 200
"""The number of heard frames that are kept: two seconds."""


@dataclass(slots=True)
class Hearing:
    """The properties of a worker's sound, which hold for all its takes.

    Attributes:
        latency_s: Seconds from the push of audio until it is heard: first declared, later measured.
        gain_db: Level of the heard sound relative to the pushed audio; None before the first match.
        is_measured: Whether `latency_s` was measured.
        is_altered: Whether the vendor alters the voice so much that only its loudness can be
            aligned.
    """

    latency_s: float
    gain_db: float | None = None
    is_measured: bool = False
    is_altered: bool = False


class HeardSound:
    """The last two seconds of the heard sound; before the first frame there was silence."""

    def __init__(self) -> None:
        self.features = np.full((KEPT, BANDS), FLOOR_DB, np.float32)
        self.levels = np.full(KEPT, FLOOR_DB, np.float32)

    def add(self, features: Floats) -> None:
        """Add the next heard frames.

        Args:
            features: Levels in dB, as an array (frames, bands).
        """
        self.features = np.concatenate((self.features, features))[-KEPT:]
        self.levels = np.concatenate((self.levels, loudness(features)))[-KEPT:]

    def loudest(self, back: int, count: int) -> float:
        """Return the level of the loudest of some frames.

        Args:
            back: The number of frames that were heard after these frames.
            count: The number of frames.

        Returns:
            The level in dB relative to full scale.
        """
        end = KEPT - back
        return float(self.levels[max(0, end - count) : end].max())

    def count_louder(self, level_db: float, count: int) -> int:
        """Return how many of the last frames are louder than a level.

        Args:
            level_db: The level in dB relative to full scale.
            count: The number of last frames to look at.

        Returns:
            The number of louder frames, at most `count`.
        """
        return int(np.count_nonzero(self.levels[-count:] > level_db))
