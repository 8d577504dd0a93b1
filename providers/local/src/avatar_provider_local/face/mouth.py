"""Converts viseme probabilities to mouth shapes, and moves the mouth smoothly between them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from avatar_provider_local.face.features import Floats
from avatar_provider_local.face.visemes import VISEMES, Tracker

AHEAD_S = 0.025
"""Seconds by which the lips move before the audio, as in natural speech."""
AROUND_S = 0.025
"""Seconds before and after a moment over which `shape` averages the visemes."""
CLOSED = (VISEMES.index("PP"), VISEMES.index("FF"))
"""Indices of the visemes that close the lips."""
SURE = 0.5
"""Above this probability `shape` uses the maximum of a closed viseme and not its average."""
CONTEXT_S = AHEAD_S + AROUND_S
"""Seconds from a moment to the last moment for which `shape` reads the tracker."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """The shape of a mouth in one video frame.

    Each value is 0 at rest and 1 at its full extent; `width` also has negative values, down to -1.

    Attributes:
        jaw: How far the jaw is open.
        width: How far the corners are apart; negative values draw the corners together.
        round: How far both lips are pushed forward.
        upper: How far the upper lip is raised off the teeth.
        lower: How far the lower lip is lowered off the teeth.
        press: How firmly the lips are closed.
        tuck: How far the lower lip is under the upper teeth.
        tongue: How far the tongue is raised.
        tip: How far the tip of the tongue is between the teeth.
        teeth: How much of the upper teeth is visible.
        smile: How far the corners are raised.
    """

    jaw: float = 0.0
    width: float = 0.0
    round: float = 0.0
    upper: float = 0.0
    lower: float = 0.0
    press: float = 0.0
    tuck: float = 0.0
    tongue: float = 0.0
    tip: float = 0.0
    teeth: float = 0.0
    smile: float = 0.0


NAMES = tuple(field.name for field in fields(Mouth))
"""Names of the values of a `Mouth`: the order in arrays of 11 values."""

MOUTHS: dict[str, Mouth] = {
    "sil": Mouth(),
    "PP": Mouth(press=0.85, width=-0.05),
    "FF": Mouth(tuck=1.0, teeth=0.9, upper=0.35, jaw=0.1, width=0.1),
    "TH": Mouth(jaw=0.22, tip=1.0, teeth=0.6, tongue=0.7, width=0.1, upper=0.15),
    "DD": Mouth(jaw=0.24, tongue=0.85, teeth=0.7, width=0.18, upper=0.25, lower=0.15),
    "kk": Mouth(jaw=0.3, tongue=0.35, teeth=0.45, width=0.1, upper=0.15, lower=0.1),
    "CH": Mouth(jaw=0.2, round=0.75, width=-0.45, teeth=0.9, upper=0.45, lower=0.45),
    "SS": Mouth(jaw=0.12, width=0.45, teeth=1.0, upper=0.35, lower=0.45),
    "nn": Mouth(jaw=0.22, tongue=1.0, teeth=0.55, width=0.12, upper=0.15),
    "RR": Mouth(jaw=0.26, round=0.55, width=-0.3, teeth=0.45, tongue=0.5, upper=0.2, lower=0.15),
    "aa": Mouth(jaw=0.88, width=0.02, teeth=0.55, tongue=0.15, upper=0.35, lower=0.25),
    "E": Mouth(jaw=0.52, width=0.42, teeth=0.7, tongue=0.35, upper=0.35, lower=0.25),
    "I": Mouth(jaw=0.3, width=0.72, teeth=0.9, tongue=0.55, upper=0.35, lower=0.35),
    "O": Mouth(jaw=0.62, round=0.85, width=-0.55, tongue=0.1, teeth=0.15),
    "U": Mouth(jaw=0.3, round=1.0, width=-0.92, tongue=0.1),
}
"""The shape of the mouth for each viseme."""

_ROWS = np.array(
    [[getattr(MOUTHS[viseme], name) for name in NAMES] for viseme in VISEMES], np.float32
)
_JAW, _LOWER = NAMES.index("jaw"), NAMES.index("lower")
# Time constants in seconds: of falling values, rising values, the others, and values in silence.
_SPOKEN_S = {"jaw": 0.042, "press": 0.035, "tuck": 0.035, "smile": 0.25}
_OPENING_S = {"jaw": 0.034, "press": 0.022, "tuck": 0.022, "smile": 0.25}
_OTHER_S, _REST_S = 0.045, 0.04


def shape(tracker: Tracker, at_s: float) -> tuple[Floats, float]:
    """Compute the shape of the mouth at a moment of a speech.

    The shape is the average of the shapes of all visemes, weighted with their probabilities.
    Quiet speech opens the jaw less.

    Args:
        tracker: The recogniser, with the audio of the speech up to about 0.12 s after the moment.
        at_s: The moment in seconds from the start of the speech.

    Returns:
        The values of a `Mouth` in the order of `NAMES`, float32 of shape `(11,)`, and the loudness
        at the moment: 0 for silence, 1 for full voice.
    """
    times = at_s + AHEAD_S + np.linspace(-AROUND_S, AROUND_S, 5, dtype=np.float32)
    likely, loudness = tracker.at(times)
    weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0], np.float32) / 9.0
    mixed = weights @ likely
    for closed in CLOSED:
        if (most := float(likely[:, closed].max())) > SURE:
            mixed *= (1.0 - most) / max(1e-6, 1.0 - mixed[closed])
            mixed[closed] = most
    target = mixed @ _ROWS
    target[[_JAW, _LOWER]] *= min(1.0, 0.5 + 0.62 * loudness)
    return target.astype(np.float32), loudness


class Lips:
    """A mouth that moves smoothly: each call moves the mouth a part of the way to a target shape.

    `FaceRenderer` creates one, and calls `follow` or `rest` once for each video frame.

    Args:
        period_s: Seconds from one video frame to the next.
    """

    def __init__(self, period_s: float) -> None:
        self._values = np.zeros(len(NAMES), np.float32)
        self._opening = _shares(period_s, _OPENING_S)
        self._closing = _shares(period_s, _SPOKEN_S)
        self._resting = np.full(len(NAMES), _share(period_s, _REST_S), np.float32)

    def follow(self, target: Floats) -> Mouth:
        """Move the mouth towards a target for one video frame of speech.

        Args:
            target: The values of a `Mouth` in the order of `NAMES`, float32 of shape `(11,)`.

        Returns:
            The shape of the mouth in the frame.
        """
        shares = np.where(target > self._values, self._opening, self._closing)
        self._values += shares * (target - self._values)
        return self._mouth()

    def rest(self) -> Mouth:
        """Move the mouth towards its rest shape for one video frame of silence.

        Returns:
            The shape of the mouth in the frame.
        """
        self._values -= self._resting * self._values
        return self._mouth()

    def _mouth(self) -> Mouth:
        return Mouth(*(float(value) for value in self._values))


def _share(period_s: float, time_s: float) -> float:
    return float(1.0 - np.exp(-period_s / time_s))


def _shares(period_s: float, times_s: dict[str, float]) -> Floats:
    return np.array([_share(period_s, times_s.get(name, _OTHER_S)) for name in NAMES], np.float32)
