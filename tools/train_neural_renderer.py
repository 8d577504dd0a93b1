"""Trains the model of `examples/renderers/neural`, and compares it with loudness alone.

    .venv/bin/python -m pip install jax
    .venv/bin/python tools/train_neural_renderer.py

espeak-ng speaks random sentences and reports the time of each phoneme. The phonemes give the
pose of the mouth, and `neural_targets.py` draws the mouth of each pose. One network learns the
poses from the speech, another one the pixels from the poses. Voices and sentences of the test
are not in the training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import jax.numpy as jnp
import numpy as np

EXAMPLE = Path(__file__).parents[1] / "examples/renderers/neural/src"
sys.path.insert(0, str(EXAMPLE))

from avatar_provider_neural.features import BANDS  # noqa: E402
from avatar_provider_neural.model import GRID, POSE, Model  # noqa: E402
from neural_networks import Params, dense, fit, init, painted  # noqa: E402
from neural_targets import (  # noqa: E402
    AHEAD_S,
    BLUR_S,
    STRENGTH,
    Spoken,
    draw_face,
    draw_lids,
    draw_mouths,
    make_feather,
    speak,
)
from train_visemes import OTHER_VOICES, UNSEEN, VOICES  # noqa: E402

OUT = EXAMPLE / "avatar_provider_neural/model.npz"


@dataclass(frozen=True)
class Settings:
    """The settings of a training run; the file of the model contains them and their hash.

    Attributes:
        seed: Seed of all random numbers.
        sentences: Sentences for each of the training voices.
        listen_layers: Outputs of the hidden layers from the spectra to the pose.
        spread_layers: Outputs of the hidden layers from the pose to the first image.
        channels: Channels of the images between the convolutions.
        mouths: Number of drawn mouths in the training.
        listen_steps: Steps of the optimizer for the first network, with 256 frames each.
        paint_steps: Steps of the optimizer for the second network, with 8 images each.
    """

    seed: int = 5
    sentences: int = 18
    listen_layers: tuple[int, ...] = (256, 64)
    spread_layers: tuple[int, ...] = (48,)
    channels: tuple[int, ...] = (20, 20, 16)
    mouths: int = 2400
    listen_steps: int = 10_000
    paint_steps: int = 3600

    def describe(self) -> str:
        """Return the settings of this class and of `neural_targets.py`, and their SHA-256."""
        every = {**asdict(self), "ahead_s": AHEAD_S, "blur_s": BLUR_S, "strength": STRENGTH}
        digest = hashlib.sha256(json.dumps(every, sort_keys=True).encode()).hexdigest()
        return json.dumps({**every, "sha256": digest}, sort_keys=True)


def main() -> int:
    """Train and test the model, and write it to `OUT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--keep-painter", action="store_true", help="train only the first network")
    options = parser.parse_args()
    settings = Settings(seed=options.seed)
    started_s = time.monotonic()
    rng = Random(settings.seed)
    voices = (*VOICES, *OTHER_VOICES)
    spoken = [speak(voice, rng, vary=True) for voice in voices for _ in range(settings.sentences)]
    test = [
        speak(voice, Random(settings.seed + 1 + at), vary=False)
        for at in range(3)
        for voice in UNSEEN
    ]
    report(f"{sum(len(it.poses) for it in spoken) / 6000:.0f} minutes of speech", started_s)

    listen = stretch(train_listener(spoken, settings, lambda spectra: spectra), spoken)
    level = train_listener(spoken, settings, to_level)
    report("trained the first network, and the baseline", started_s)
    face = draw_face()
    paint = load_painter(options.out) if options.keep_painter else None
    paint = paint or train_painter(spoken, settings, started_s)
    report("the second network is ready", started_s)

    arrays = {"face": face, "lids": draw_lids(), "feather": make_feather().astype(np.float16)}
    arrays |= {name: np.asarray(value, np.float16) for name, value in listen.items()}
    arrays |= {"listen_settings": np.array(settings.describe()), **paint}
    with options.out.open("wb") as file:
        np.savez_compressed(file, **arrays)
    report(f"{options.out.name}: {options.out.stat().st_size / 1000:.0f} kB", started_s)
    for line in compare(Model.from_arrays(arrays), level, test):
        print(line)
    print(f"settings: {settings.describe()}")
    return 0


def report(text: str, since_s: float) -> None:
    """Print a line with the time since the start.

    Args:
        text: The line.
        since_s: The start on the monotonic clock, in seconds.
    """
    print(f"{time.monotonic() - since_s:6.0f} s  {text}", flush=True)


def to_level(spectra: np.ndarray) -> np.ndarray:
    """Return only the loudness of each spectrum: the input of the baseline.

    Args:
        spectra: float32 of shape `(n, (PAST + 1 + FUTURE) * BANDS)`.
    """
    return spectra.reshape(len(spectra), -1, BANDS).max(axis=2)


def train_listener(
    spoken: Sequence[Spoken], settings: Settings, view: Callable[[np.ndarray], np.ndarray]
) -> Params:
    """Return the weights of the network from the speech to the pose of the mouth.

    Args:
        spoken: The speech with the pose at each spectrum.
        settings: The settings of the run.
        view: Returns the part of the spectra that the network sees.
    """
    rng = np.random.default_rng(settings.seed)
    inputs = np.concatenate([view(it.spectra) for it in spoken])
    targets = np.concatenate([it.poses for it in spoken])
    params = init(rng, "listen", (inputs.shape[1], *settings.listen_layers, POSE))

    def loss(params: Params, inputs: Any, targets: Any) -> Any:
        """Return the mean squared error of the poses; the jaw counts three times."""
        weights = jnp.ones(POSE).at[0].set(3.0)
        return (weights * (dense(params, "listen", inputs) - targets) ** 2).mean()

    def batches(_: int) -> tuple[np.ndarray, np.ndarray]:
        """Return random frames of the speech, with a little noise."""
        at = rng.integers(0, len(inputs), 256)
        noise = rng.standard_normal((256, inputs.shape[1]), np.float32)
        return inputs[at] + 0.1 * noise, targets[at]

    return fit(params, loss, batches, settings.listen_steps, 2e-3)


def stretch(listen: Params, spoken: Sequence[Spoken]) -> Params:
    """Return weights whose poses vary as much as those of the targets.

    A network that minimizes the squared error moves the mouth too little: it does not open it fully
    at a vowel, and does not close it fully at a p.

    Args:
        listen: The trained weights.
        spoken: The speech of the training.
    """
    some = spoken[::5]
    found = np.concatenate([np.asarray(dense(listen, "listen", it.spectra)) for it in some])
    wanted = np.concatenate([it.poses for it in some])
    ratio = np.clip(wanted.std(axis=0) / np.maximum(found.std(axis=0), 1e-6), 0.0, 1.5)
    middle, last = wanted.mean(axis=0), max(key[-1] for key in listen)
    bias = (listen[f"listen_bias{last}"] - middle) * ratio + middle
    return listen | {
        f"listen_weights{last}": listen[f"listen_weights{last}"] * ratio,
        f"listen_bias{last}": bias,
    }


def train_painter(spoken: Sequence[Spoken], settings: Settings, since_s: float) -> Params:
    """Return the weights of the networks from the pose of the mouth to its pixels.

    Args:
        spoken: The speech, whose poses are drawn.
        settings: The settings of the run.
        since_s: The start of the run on the monotonic clock, in seconds.
    """
    rng = np.random.default_rng(settings.seed)
    every = np.concatenate([it.poses for it in spoken])
    poses = every[rng.integers(0, len(every), settings.mouths)]
    poses = np.concatenate([np.zeros((40, POSE), np.float32), poses])
    offsets = draw_mouths(poses)
    feather = make_feather().astype(np.float32)
    moved = np.abs(offsets[::8].astype(np.float32)).mean(axis=(0, 3), keepdims=True)[0] / 128
    weights = 0.2 + np.minimum(moved / 0.1, 3.0)
    size = int(np.prod(GRID))
    params = init(rng, "spread", (POSE, *settings.spread_layers, size))
    params |= init(rng, "paint", (GRID[2], *settings.channels, 12), taps=9)
    params[f"paint_weights{len(settings.channels)}"] *= 0.1

    def loss(params: Params, poses: Any, offsets: Any) -> Any:
        """Return the error of the pixels, weighted by how much they move."""
        apart = painted(params, poses) * feather - offsets.astype(jnp.float32) / 128
        return (weights * jnp.sqrt(apart**2 + 1e-4)).mean()

    def batches(_: int) -> tuple[np.ndarray, np.ndarray]:
        """Return random drawn mouths."""
        at = rng.integers(0, len(poses), 8)
        return poses[at], offsets[at]

    def said(step: int, error: float) -> None:
        """Print the error of a step."""
        report(f"step {step}: {error:.4f}", since_s)

    params = fit(params, loss, batches, settings.paint_steps, 2e-3, said)
    arrays = {name: np.asarray(value, np.float16) for name, value in params.items()}
    return {**arrays, "paint_settings": np.array(settings.describe())}


def load_painter(path: Path) -> Params:
    """Return the second network of a file, with its settings.

    Args:
        path: A file that an earlier run wrote.
    """
    with np.load(path) as arrays:
        return {
            name: array for name, array in arrays.items() if name.startswith(("spread_", "paint_"))
        }


def compare(model: Model, level: Params, test: Sequence[Spoken]) -> list[str]:
    """Return the errors of the model and of the baseline, for voices that are not in the training.

    Args:
        model: The model.
        level: The weights of the network that sees only the loudness.
        test: The speech.
    """
    wanted = np.concatenate([it.poses for it in test])[:, 0]
    closed = np.concatenate([it.closed for it in test])
    lines = []
    for name, jaw in (
        ("model", np.concatenate([model.pose(it.spectra) for it in test])[:, 0]),
        (
            "loudness alone",
            np.concatenate(
                [np.asarray(dense(level, "listen", to_level(it.spectra))) for it in test]
            )[:, 0],
        ),
    ):
        error, likeness = np.abs(jaw - wanted).mean(), np.corrcoef(jaw, wanted)[0, 1]
        starts = np.flatnonzero(np.diff(closed.astype(int)) == 1) + 1
        ends = np.flatnonzero(np.diff(closed.astype(int)) == -1) + 1
        shut = [jaw[one:end].min() < 0.12 for one, end in zip(starts, ends, strict=False)]
        lines.append(
            f"{name}: mean error of the opening {error:.3f}, correlation {likeness:.2f}, "
            f"lips closed at {100 * np.mean(shut):.0f} % of {len(shut)} p, b and m"
        )
    poses = np.concatenate([it.poses for it in test])[::40]
    drawn = draw_mouths(poses).astype(np.float32)
    apart = model.draw(poses).astype(np.float32) - model.rest - drawn
    lines.append(f"pixels: mean error {np.abs(apart).mean():.2f} of 255, {len(poses)} mouths")
    return lines


if __name__ == "__main__":
    sys.exit(main())
