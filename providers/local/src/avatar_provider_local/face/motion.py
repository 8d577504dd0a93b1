"""Generates the movements of a face: blinks, glances, breath, nods and small head movements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from avatar_provider_local.face.mouth import Mouth

FADE_S = 0.18
"""Time constant of the transition from one mood to another, in seconds."""
IDLE_AFTER_S = 8.0
"""Seconds of silence after which the mood changes from `LISTEN` to `IDLE`."""
BLINK_CLOSE_S, BLINK_HOLD_S, BLINK_OPEN_S = 0.075, 0.035, 0.15
"""Seconds in which the lids close, stay closed, and open again."""
BLINK_LEAST_S, BLINK_AGAIN_S, TWICE = 1.1, 0.28, 0.14
"""Minimum pause between blinks and pause before a double blink, in seconds; its probability."""
SACCADE_S = 0.028
"""Time constant of a movement of the eyes, in seconds."""
BREATH_HZ = 0.24
NOD_HZ, NOD_DECAY_S = 1.6, 0.32
"""Frequency of a nod in Hz, and the time constant of its decay in seconds."""
BEAT, BEAT_LEAST_S = 0.16, 0.42
"""Rise of the loudness (0 to 1) that starts a nod, and the minimum seconds between two nods."""
STARTLE_S = 0.12
"""Seconds from an interruption to the maximum of the surprise."""


@dataclass(frozen=True, slots=True)
class Mood:
    """The behaviour of a face while it is idle, listens or speaks.

    Attributes:
        sway: Factor of the random movements of the head; 1 during speech.
        lean: How much larger the head appears because it leans towards the viewer: 0.01 is 1 %.
        pitch: Angle by which the head turns down, in degrees; a negative angle turns the head up.
        brow: How far the brows are raised, -1 to 1.
        smile: How far the corners of the mouth are raised, 0 to 1.
        away: Share of the glances that leave the viewer, 0 to 1.
        blink_s: Approximate mean time between two blinks, in seconds.
    """

    sway: float
    lean: float
    pitch: float
    brow: float
    smile: float
    away: float
    blink_s: float


IDLE = Mood(sway=0.7, lean=0.0, pitch=0.0, brow=0.0, smile=0.3, away=0.35, blink_s=4.2)
LISTEN = Mood(sway=0.8, lean=0.016, pitch=-1.0, brow=0.16, smile=0.45, away=0.1, blink_s=3.6)
SPEAK = Mood(sway=1.0, lean=0.004, pitch=0.0, brow=0.05, smile=0.22, away=0.2, blink_s=3.2)


@dataclass(frozen=True, slots=True)
class Pose:
    """The position of the head and the state of the face in one video frame.

    Directions such as "right" are directions in the image.

    Attributes:
        yaw: Angle by which the face turns to the right, in radians.
        pitch: Angle by which the face turns down, in radians.
        roll: Angle by which the head tilts clockwise, in radians.
        lean: How much larger the head appears because it leans towards the viewer: 0.01 is 1 %.
        breath: Phase of the breath, from -1 (exhaled) to 1 (inhaled).
        lids: How far the eyelids are closed, from 0 (open) to 1 (closed).
        gaze_x: Direction of the eyes, from -1 (left) to 1 (right).
        gaze_y: Direction of the eyes, from -1 (up) to 1 (down).
        brow: Height of the brows, from -1 (lowered) over 0 (at rest) to 1 (raised).
        mouth: Shape of the mouth.
    """

    yaw: float
    pitch: float
    roll: float
    lean: float
    breath: float
    lids: float
    gaze_x: float
    gaze_y: float
    brow: float
    mouth: Mouth


def between(one: Pose, other: Pose, share: float) -> Pose:
    """Interpolate linearly between two poses.

    Args:
        one: The pose at `share` 0.
        other: The pose at `share` 1.
        share: Weight of `other`, 0 to 1.

    Returns:
        The interpolated pose, including its mouth.
    """

    def mixed(mine: float, its: float) -> float:
        """Interpolate between two numbers with the weight `share`.

        Args:
            mine: A value of `one`.
            its: The same value of `other`.

        Returns:
            The interpolated value.
        """
        return mine + share * (its - mine)

    numbers = {
        name: mixed(getattr(one, name), getattr(other, name))
        for name in Pose.__slots__
        if name != "mouth"
    }
    mouth = {
        name: mixed(getattr(one.mouth, name), getattr(other.mouth, name))
        for name in Mouth.__slots__
    }
    return Pose(mouth=Mouth(**mouth), **numbers)


class Motion:
    """A generator of poses: each call of `step` returns the pose of the next video frame.

    `FaceRenderer` creates one. The same seed and the same calls give the same poses.

    Args:
        seed: Seed of the random blinks, glances and movements.
        period_s: Seconds from one video frame to the next.
    """

    def __init__(self, seed: int, period_s: float) -> None:
        self._period_s = period_s
        self._chance = Random(seed)  # noqa: S311 - a face, not a secret
        self._phases = [self._chance.uniform(0.0, 100.0) for _ in range(6)]
        self._time_s = 0.0
        self._quiet_s = 0.0
        self._weights = {IDLE: 0.0, LISTEN: 1.0, SPEAK: 0.0}
        self._blink_at_s = self._chance.uniform(0.6, 2.0)
        self._look_at_s = 0.0
        self._look = self._gaze = (0.0, 0.0)
        self._nod_at_s, self._nod = -10.0, 0.0
        self._next_nod_s = self._chance.uniform(2.6, 6.2)
        self._startled_at_s = -10.0
        self._slow = self._fast = 0.0

    def startle(self) -> None:
        """Show that the user has interrupted: raise the brows, blink, and listen."""
        self._startled_at_s = self._time_s
        self._blink_at_s = min(self._blink_at_s, self._time_s + 0.12)
        self._quiet_s = 0.0

    def step(self, mouth: Mouth, loudness: float | None) -> Pose:
        """Compute the pose of the next video frame.

        Args:
            mouth: Shape of the mouth in the frame, from `Lips`; `step` adds the smile of the mood.
            loudness: Loudness of the speech in the frame, 0 to 1; None in a frame without speech.

        Returns:
            The pose of the frame, with a yaw from -14 to 14 degrees and a pitch from -10 to 10
            degrees.
        """
        self._time_s += self._period_s
        self._quiet_s = 0.0 if loudness is not None else self._quiet_s + self._period_s
        mood = self._mood(loudness is not None)
        self._beat(loudness or 0.0)
        gaze_x, gaze_y = self._glance(mood)
        since = (self._time_s - self._startled_at_s) / STARTLE_S
        startled = since * math.exp(1.0 - since)
        nod = self._nod_now()
        yaw = mood.sway * (3.4 * self._noise(0, 0.27) + 1.6 * self._noise(1, 0.8)) + 2.2 * gaze_x
        pitch = mood.pitch + mood.sway * 1.8 * self._noise(2, 0.31) - 1.2 * gaze_y + nod
        roll = mood.sway * (1.9 * self._noise(3, 0.23) + 0.5 * self._noise(4, 0.9))
        return Pose(
            yaw=math.radians(max(-14.0, min(14.0, yaw))),
            pitch=math.radians(max(-10.0, min(10.0, pitch))),
            roll=math.radians(roll),
            lean=mood.lean - 0.008 * startled + 0.004 * self._noise(5, 0.2),
            breath=math.sin(2 * math.pi * BREATH_HZ * self._time_s),
            lids=self._lids(mood),
            gaze_x=gaze_x,
            gaze_y=gaze_y,
            brow=mood.brow + 0.55 * startled + 0.1 * self._noise(5, 0.5) + 0.04 * abs(nod),
            mouth=_smiling(mouth, mood.smile),
        )

    def _mood(self, speaking: bool) -> Mood:
        now = SPEAK if speaking else LISTEN if self._quiet_s < IDLE_AFTER_S else IDLE
        share = 1.0 - math.exp(-self._period_s / FADE_S)
        for mood, weight in self._weights.items():
            self._weights[mood] = weight + share * ((mood is now) - weight)
        return Mood(
            *(
                sum(weight * getattr(mood, name) for mood, weight in self._weights.items())
                for name in Mood.__slots__
            )
        )

    def _noise(self, voice: int, hz: float) -> float:
        """Return smooth noise at the current time, from -1 to 1.

        Args:
            voice: Number of the noise source, 0 to 5; each source has its own random phase.
            hz: Frequency of the slower of the two sine waves whose sum is the noise.
        """
        at = 2 * math.pi * hz * (self._time_s + self._phases[voice])
        return 0.6 * math.sin(at) + 0.4 * math.sin(1.618 * at + 1.3)

    def _lids(self, mood: Mood) -> float:
        since_s = self._time_s - self._blink_at_s
        if since_s < 0:
            return 0.0
        if since_s < BLINK_CLOSE_S:
            return _smooth(since_s / BLINK_CLOSE_S)
        if since_s < BLINK_CLOSE_S + BLINK_HOLD_S:
            return 1.0
        open_s = since_s - BLINK_CLOSE_S - BLINK_HOLD_S
        if open_s < BLINK_OPEN_S:
            return 1.0 - _smooth(open_s / BLINK_OPEN_S)
        again = self._chance.random() < TWICE
        wait_s = max(BLINK_LEAST_S, mood.blink_s * self._chance.uniform(0.45, 1.7))
        self._blink_at_s = self._time_s + (BLINK_AGAIN_S if again else wait_s)
        return 0.0

    def _glance(self, mood: Mood) -> tuple[float, float]:
        if self._time_s >= self._look_at_s:
            away = self._chance.random() < mood.away
            extent = 0.75 if away else 0.1
            self._look = (
                self._chance.uniform(-extent, extent),
                self._chance.uniform(-0.5, 0.35) * extent,
            )
            self._look_at_s = self._time_s + self._chance.uniform(0.5, 1.1 if away else 2.4)
        share = 1.0 - math.exp(-self._period_s / SACCADE_S)
        self._gaze = (
            self._gaze[0] + share * (self._look[0] - self._gaze[0]),
            self._gaze[1] + share * (self._look[1] - self._gaze[1]),
        )
        return self._gaze

    def _beat(self, loudness: float) -> None:
        """Start a nod at a stressed syllable of speech, or after some seconds of listening.

        Args:
            loudness: Loudness of the speech in the frame, 0 to 1; 0 in a frame without speech.
        """
        self._fast += (1.0 - math.exp(-self._period_s / 0.05)) * (loudness - self._fast)
        self._slow += (1.0 - math.exp(-self._period_s / 0.4)) * (loudness - self._slow)
        since_s = self._time_s - self._nod_at_s
        if self._fast - self._slow > BEAT and since_s > BEAT_LEAST_S:
            self._nod_at_s, self._nod = self._time_s, self._chance.uniform(1.0, 3.0)
        elif 0.0 < self._quiet_s < IDLE_AFTER_S and self._quiet_s > self._next_nod_s:
            self._nod_at_s, self._nod = self._time_s, self._chance.uniform(3.0, 5.0)
            self._next_nod_s = self._quiet_s + self._chance.uniform(2.6, 6.2)
        if self._quiet_s == 0.0:
            self._next_nod_s = self._chance.uniform(2.6, 6.2)

    def _nod_now(self) -> float:
        since_s = self._time_s - self._nod_at_s
        return (
            self._nod * math.exp(-since_s / NOD_DECAY_S) * math.sin(2 * math.pi * NOD_HZ * since_s)
        )


def _smooth(share: float) -> float:
    return share * share * (3.0 - 2.0 * share)


def _smiling(mouth: Mouth, smile: float) -> Mouth:
    open_share = min(1.0, mouth.jaw + mouth.round)
    values = {name: getattr(mouth, name) for name in Mouth.__slots__}
    values["smile"] = mouth.smile + smile * (1.0 - 0.7 * open_share)
    values["width"] = mouth.width + 0.5 * smile * (1.0 - open_share)
    return Mouth(**values)
