"""Searches the place of the heard sound, by its spectrum or by its loudness alone."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.playback.monitor.alignment import Match, find_match
from avatar_core.playback.monitor.reference import Reference
from avatar_core.playback.monitor.sound import HeardSound

WINDOW, SHORT_WINDOW, LONG_WINDOW = 50, 20, 150
"""The number of heard frames that are compared: normally, after a stall, and by loudness alone."""
EARLY_SCORE, LOCK_SCORE, NEAR_SCORE, KEEP_SCORE = 0.85, 0.7, 0.5, 0.5
"""The least scores of a place after little sound, of a new place, of a place at which sound and
speech begin together, and of the present place."""
LOUDNESS_SCORE, SURE_LOUDNESS_SCORE = 0.55, 0.7
"""The least score of an expected place, and of any place, that is found by loudness alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a search has found.

    Attributes:
        end: The number of frames of the take before the end of the heard sound.
        score: The similarity of the sounds, at most 1.
        is_clear: Whether no other place is nearly as similar.
    """

    end: int
    score: float
    is_clear: bool

    def is_sure(self, least: float) -> bool:
        """Return whether the place is clear and similar enough for a new place.

        Args:
            least: The least score.

        Returns:
            True if the place is clear and its score is at least `least`.
        """
        return self.is_clear and self.score >= least


def search_spectrum(
    sound: HeardSound, reference: Reference, first: int, last: int, window: int = WINDOW
) -> Place | None:
    """Search the place whose spectrum resembles the heard sound.

    Args:
        sound: The heard sound.
        reference: The pushed audio.
        first: The first place, as a number of frames.
        last: The last place.
        window: The number of heard frames to compare.

    Returns:
        The best place; None if no place is similar enough.
    """
    last = min(last, reference.frames)
    if last < first:
        return None
    expected = reference.features(first - window, last)
    match = find_match(sound.features[-window:], expected, first)
    if match is None or match.score < KEEP_SCORE:
        return None
    return Place(match.end, match.score, match.is_clear)


def search_loudness(sound: HeardSound, reference: Reference, first: int, last: int) -> Place | None:
    """Search the place whose loudness rises and falls like that of the heard sound.

    Args:
        sound: The heard sound.
        reference: The pushed audio.
        first: The first place, as a number of frames.
        last: The last place.

    Returns:
        The best place; None if no place is similar enough.
    """
    last = min(last, reference.frames)
    if last < first:
        return None
    expected = reference.levels(first - LONG_WINDOW, last)[:, None]
    match: Match | None = find_match(sound.levels[-LONG_WINDOW:, None], expected, first)
    if match is None or match.score < LOUDNESS_SCORE:
        return None
    return Place(match.end, match.score, match.is_clear)
