"""The training data of `train_neural_renderer.py`: speech with mouth poses, and drawn mouths."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import soxr
from avatar_demo.speech import SpokenText, Synthesiser
from avatar_provider_local.face.motion import Pose
from avatar_provider_local.face.mouth import MOUTHS, NAMES, Mouth
from avatar_provider_local.face.renderer import Drawing
from avatar_provider_neural.features import HOP, RATE_HZ, WINDOW, Features
from avatar_provider_neural.model import (
    HEIGHT,
    LEFT,
    LIDS_HEIGHT,
    LIDS_LEFT,
    LIDS_TOP,
    LIDS_WIDTH,
    TOP,
    WIDTH,
)
from phonemes import viseme_spans
from train_visemes import TRACT, make_sentence

CHARACTER, DRAWN, CUT_TOP, CUT_LEFT, SIDE = "ben", 640, 60, 64, 512
"""The character of the local provider, the size in which it is drawn, and the part that is used."""
AHEAD_S = 0.02
"""Seconds by which the lips move before the sound."""
BLUR_S = 0.028
"""Seconds in which the influence of a sound on the pose of the mouth falls to 1/e."""
STRENGTH = {"PP": 2.2, "FF": 2.0, "CH": 1.4, "U": 1.6, "O": 1.4, "aa": 1.3, "sil": 0.8}
"""How much a sound dominates its neighbours; 1 for the other sounds."""
EDGE = 12
"""Pixels in which the drawn pixels change into those of the still face."""


@dataclass(frozen=True)
class Spoken:
    """A sentence.

    Attributes:
        spectra: The input of the model every 10 ms.
        poses: The pose of the mouth at the same moments, float32 of shape `(n, 11)`.
        closed: Whether the sound at the moment is p, b or m.
    """

    spectra: np.ndarray
    poses: np.ndarray
    closed: np.ndarray


def speak(voice: str, rng: Random, *, vary: bool) -> Spoken:
    """Synthesise a random sentence.

    Args:
        voice: Voice of espeak-ng.
        rng: Selects the words, the rate and the variations.
        vary: Whether to vary the vocal tract, the level and the noise.
    """
    text = Synthesiser(voice, rng.randint(140, 190)).speak(make_sentence(rng))
    return label(text, rng if vary else None)


def label(text: SpokenText, rng: Random | None = None) -> Spoken:
    """Compute the spectra and the poses of a speech.

    Args:
        text: The synthesised speech.
        rng: Varies the vocal tract, the level and the noise; None leaves the speech as it is.
    """
    tract = rng.uniform(*TRACT) if rng else 1.0
    raw = np.frombuffer(text.pcm, "<i2").astype(np.float32)
    samples = soxr.resample(raw, text.rate_hz, RATE_HZ / tract)
    if rng:
        hiss = np.random.default_rng(rng.randint(0, 1 << 30)).standard_normal(samples.size)
        samples = samples * rng.uniform(0.1, 1.0) + hiss * 10 ** rng.uniform(-0.5, 1.3)
    features = Features()
    features.feed(np.clip(samples, -32768, 32767).astype("<i2").tobytes())
    count = max(0, (samples.size - WINDOW) // HOP + 1)
    moments = np.arange(count) * HOP + WINDOW // 2
    poses, closed = trace(text, moments / RATE_HZ * tract)
    return Spoken(features.read(list(moments)).astype(np.float16), poses, closed)


def trace(text: SpokenText, at_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pose of the mouth at moments of a speech, and where its lips must close.

    Each sound pulls the mouth towards its pose, with a weight that falls with the distance in
    time: the model of co-articulation by Cohen and Massaro.

    Args:
        text: The synthesised speech.
        at_s: The moments in seconds.

    Returns:
        float32 of shape `(n, 11)`, and bool of shape `(n,)`.
    """
    step_s = 0.005
    grid = np.arange(0.0, text.duration_s + 0.5, step_s)
    poses = np.zeros((len(grid), len(NAMES)))
    strength = np.full(len(grid), STRENGTH["sil"])
    closed = np.zeros(len(grid), bool)
    for viseme, start_s, end_s in viseme_spans(text):
        span = (grid >= start_s) & (grid < end_s)
        poses[span] = [getattr(MOUTHS[viseme], name) for name in NAMES]
        strength[span] = STRENGTH.get(viseme, 1.0)
        closed[span] = viseme == "PP"
    around_s = np.arange(-0.12, 0.12 + step_s / 2, step_s)
    kernel = np.exp(-(np.abs(around_s / BLUR_S) ** 1.5))
    smooth = np.stack(
        [np.convolve(strength * column, kernel, mode="same") for column in poses.T], axis=1
    )
    smooth /= np.convolve(strength, kernel, mode="same")[:, None]
    at = np.clip(np.rint(at_s / step_s).astype(int), 0, len(grid) - 1)
    ahead = np.clip(at + round(AHEAD_S / step_s), 0, len(grid) - 1)
    return smooth[ahead].astype(np.float32), closed[at]


_drawing: list[Drawing] = []


def _draw(mouth: Mouth, lids: float = 0.0) -> np.ndarray:
    if not _drawing:
        _drawing.append(Drawing(DRAWN, DRAWN, CHARACTER))
    pixels = _drawing[0].draw(Pose(0, 0, 0, 0, 0, lids, 0, 0, 0, mouth))
    return pixels[CUT_TOP : CUT_TOP + SIDE, CUT_LEFT : CUT_LEFT + SIDE, :3].copy()


def draw_face() -> np.ndarray:
    """Draw the face at rest: RGB, uint8 of shape `(512, 512, 3)`."""
    return _draw(Mouth())


def draw_lids() -> np.ndarray:
    """Draw the eyes with half closed and closed lids: uint8, `(2, rows, columns, 3)`."""
    rows, columns = (
        slice(LIDS_TOP, LIDS_TOP + LIDS_HEIGHT),
        slice(LIDS_LEFT, LIDS_LEFT + LIDS_WIDTH),
    )
    return np.stack([_draw(Mouth(), lids)[rows, columns] for lids in (0.55, 1.0)])


def draw_mouths(poses: np.ndarray) -> np.ndarray:
    """Draw mouths, and return the change against the face at rest.

    Args:
        poses: The poses, float32 of shape `(n, 11)`.

    Returns:
        int16 of shape `(n, HEIGHT, WIDTH, 3)`, from -255 to 255.
    """
    rows, columns = slice(TOP, TOP + HEIGHT), slice(LEFT, LEFT + WIDTH)
    rest = draw_face()[rows, columns].astype(np.int16)
    drawn = np.empty((len(poses), HEIGHT, WIDTH, 3), np.int16)
    for at, pose in enumerate(poses):
        drawn[at] = _draw(Mouth(*map(float, pose)))[rows, columns]
        drawn[at] -= rest
    return drawn


def make_feather() -> np.ndarray:
    """Return the weight of the drawn pixels, float32 of shape `(HEIGHT, WIDTH, 1)`."""
    rows, columns = np.arange(HEIGHT), np.arange(WIDTH)
    down = np.minimum(rows, HEIGHT - 1 - rows) / EDGE
    right = np.minimum(columns, WIDTH - 1 - columns) / EDGE
    return np.clip(np.minimum(down[:, None], right), 0, 1)[..., None].astype(np.float32)
