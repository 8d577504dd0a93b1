"""Finds the place in the pushed audio where the latest heard sound belongs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_core.playback.monitor.features import Floats

RANGE_DB = 30.0
"""Levels that are further below the loudest level of a window count as equal, because noise and
codecs change such levels."""
FLAT_DB = 2.5
"""A window whose levels vary less than this cannot be located."""
RIVAL_MARGIN, RIVAL_RATIO = 0.1, 3.0
"""A match is clear if its score is higher than every other score by this margin, or if every other
place differs from the heard sound this many times as much."""
NEIGHBOURS = 8
"""Frames before and after the best place whose scores do not count as the scores of other
places."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place in the reference that is similar to the heard sound.

    Attributes:
        end: The number of reference frames before the place's end.
        score: The correlation with the heard sound, at most 1.
        rival: The best score of another place.
    """

    end: int
    score: float
    rival: float

    @property
    def is_clear(self) -> bool:
        """Whether no other place is nearly as similar."""
        is_ahead = self.score - self.rival >= RIVAL_MARGIN
        return is_ahead or 1 - self.rival >= RIVAL_RATIO * (1 - self.score)


def find_match(heard: Floats, reference: Floats, first_end: int) -> Match | None:
    """Compare the heard sound with every place of a piece of the reference.

    The comparison ignores the gain, and also a gain that differs between the frequency bands.

    Args:
        heard: The latest frames that were heard, as levels in dB (frames, bands).
        reference: Frames of the reference, at least as many.
        first_end: The frame number in the whole reference at which the first place ends.

    Returns:
        The best match; None if the heard sound has no structure.
    """
    sound = np.maximum(heard, heard.max() - RANGE_DB)
    sound = sound - sound.mean(axis=0)
    energy = float((sound * sound).sum())
    if energy < sound.size * FLAT_DB**2:
        return None
    expected = np.maximum(reference, reference.max() - RANGE_DB)
    places = _windows(expected, len(heard))
    centred = places - places.mean(axis=2, keepdims=True)
    scale = np.sqrt((centred * centred).sum(axis=(1, 2)) * energy)
    product = np.einsum("pbw,wb->p", centred, sound)
    least = sound.size * FLAT_DB**2
    scores = np.where(scale > least, product / np.maximum(scale, 1e-6), -1.0)
    best = int(scores.argmax())
    others = np.concatenate((scores[: max(0, best - NEIGHBOURS)], scores[best + NEIGHBOURS + 1 :]))
    rival = float(others.max()) if others.size else -1.0
    return Match(first_end + best, float(scores[best]), rival)


def _windows(frames: Floats, length: int) -> Floats:
    """Return each run of frames as a view (runs, bands, frames of a run).

    numpy's `sliding_window_view` takes longer than the comparison of the runs.
    """
    frames = np.ascontiguousarray(frames)
    count, bands = frames.shape
    step, band = frames.strides
    shape = (count - length + 1, bands, length)
    return np.ndarray(shape, frames.dtype, frames, strides=(step, band, step))
