"""The mouth in time: what visemes ask for, mixed with their neighbours and with inertia."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from avatar_provider_local.face.features import Floats
from avatar_provider_local.face.visemes import VISEMES, Tracker

AHEAD_S = 0.025
"""Lips move before they are heard."""
AROUND_S = 0.025
CLOSED = (VISEMES.index("PP"), VISEMES.index("FF"))
SURE = 0.5
"""A closure as likely as this is shown in full: averaged, it would not close."""
CONTEXT_S = AHEAD_S + AROUND_S
"""How much more of the sound than its own is needed to shape a picture."""


@dataclass(frozen=True, slots=True)
class Mouth:
    """A shape; 0 to 1 each, `width` from -1 to 1.

    Attributes:
        jaw: Open.
        width: Corners apart, or drawn in.
        round: Lips pushed forward.
        upper, lower: A lip raised, or lowered, off the teeth.
        press: Lips closed firmly.
        tuck: Lower lip under the upper teeth.
        tongue: Seen.
        tip: Its tip between the teeth.
        teeth: Upper teeth seen.
        smile: Corners up.
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

_ROWS = np.array(
    [[getattr(MOUTHS[viseme], name) for name in NAMES] for viseme in VISEMES], np.float32
)
_JAW, _LOWER = NAMES.index("jaw"), NAMES.index("lower")
_SPOKEN_S = {"jaw": 0.042, "press": 0.035, "tuck": 0.035, "smile": 0.25}
_OPENING_S = {"jaw": 0.034, "press": 0.022, "tuck": 0.022, "smile": 0.25}
_OTHER_S, _REST_S = 0.045, 0.04


def shape(tracker: Tracker, at_s: float) -> tuple[Floats, float]:
    """The mouth a moment of a speech asks for, and how loud it is there."""
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
    """A mouth with inertia: it follows what is asked of it, and never jumps.

    Args:
        period_s: Of a picture.
    """

    def __init__(self, period_s: float) -> None:
        self._values = np.zeros(len(NAMES), np.float32)
        self._opening = _shares(period_s, _OPENING_S)
        self._closing = _shares(period_s, _SPOKEN_S)
        self._resting = np.full(len(NAMES), _share(period_s, _REST_S), np.float32)

    def follow(self, target: Floats) -> Mouth:
        """One picture of speech later."""
        shares = np.where(target > self._values, self._opening, self._closing)
        self._values += shares * (target - self._values)
        return self._mouth()

    def rest(self) -> Mouth:
        """One picture of silence later."""
        self._values -= self._resting * self._values
        return self._mouth()

    def _mouth(self) -> Mouth:
        return Mouth(*(float(value) for value in self._values))


def _share(period_s: float, time_s: float) -> float:
    return float(1.0 - np.exp(-period_s / time_s))


def _shares(period_s: float, times_s: dict[str, float]) -> Floats:
    return np.array([_share(period_s, times_s.get(name, _OTHER_S)) for name in NAMES], np.float32)
