"""The networks of `train_neural_renderer.py` in JAX, and their optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from avatar_provider_neural.model import GRID, HEIGHT, LEAK, WIDTH

Params = dict[str, Any]
"""The weights and the biases of some layers, by name."""


def init(rng: np.random.Generator, name: str, sizes: Sequence[int], taps: int = 1) -> Params:
    """Return random weights for a row of layers.

    Args:
        rng: Draws the weights.
        name: The name of the network in the file.
        sizes: Number of inputs of the first layer, then the outputs of each layer.
        taps: Pixels that a kernel covers; 1 for dense layers.
    """
    params: Params = {}
    for at, (inputs, outputs) in enumerate(pairwise(sizes)):
        scale = np.sqrt(2.0 / (inputs * taps))
        weights = rng.standard_normal((inputs * taps, outputs)) * scale
        params[f"{name}_weights{at}"] = weights.astype(np.float32)
        params[f"{name}_bias{at}"] = np.zeros(outputs, np.float32)
    return params


def leaky(values: Any) -> Any:
    """Return the outputs of units, as `Model` computes them in numpy.

    Args:
        values: The inputs of the units.
    """
    return jnp.maximum(values, LEAK * values)


def dense(params: Params, name: str, values: Any) -> Any:
    """Return the outputs of dense layers, as `Model` computes them in numpy.

    Args:
        params: The weights.
        name: The name of the network.
        values: The inputs, a row for each example.
    """
    count = sum(key.startswith(f"{name}_weights") for key in params)
    for at in range(count):
        values = values @ params[f"{name}_weights{at}"] + params[f"{name}_bias{at}"]
        values = leaky(values) if at < count - 1 else values
    return values


def painted(params: Params, poses: Any) -> Any:
    """Return the change of the pixels around the mouth, from -2 to 2.

    Args:
        params: The weights of the networks `spread` and `paint`.
        poses: The poses of some mouths.
    """
    image = leaky(dense(params, "spread", poses)).reshape(-1, *GRID)
    count = sum(key.startswith("paint_weights") for key in params)
    for at in range(count):
        last = at == count - 1
        if not last:
            image = image.repeat(2, axis=1).repeat(2, axis=2)
        kernel = params[f"paint_weights{at}"].reshape(3, 3, image.shape[3], -1)
        image = jax.lax.conv_general_dilated(
            image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        image += params[f"paint_bias{at}"]
        image = image if last else leaky(image)
    blocks = image.reshape(-1, HEIGHT // 2, WIDTH // 2, 2, 2, 3).swapaxes(2, 3)
    return blocks.reshape(-1, HEIGHT, WIDTH, 3)


def fit(
    params: Params,
    loss: Callable[[Params, Any, Any], Any],
    batches: Callable[[int], tuple[Any, Any]],
    steps: int,
    rate: float,
    said: Callable[[int, float], None] = lambda *_: None,
) -> Params:
    """Return trained weights: Adam, with a rate that falls along a cosine.

    Args:
        params: The initial weights.
        loss: Returns the error of the weights for a batch.
        batches: Returns the inputs and the targets of a step.
        steps: Number of steps.
        rate: The first learning rate.
        said: Called every 200 steps with the number of the step and its error.
    """

    @jax.jit
    def step(
        params: Params, first: Params, second: Params, at: Any, inputs: Any, targets: Any
    ) -> Any:
        """Return the weights and the moments of Adam after a step."""
        error, slopes = jax.value_and_grad(loss)(params, inputs, targets)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slopes)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slopes)
        pace = rate * (0.01 + 0.99 * 0.5 * (1 + jnp.cos(jnp.pi * at / steps)))
        params = jax.tree.map(
            lambda p, m, v: p - pace * (m / (1 - 0.9**at)) / (jnp.sqrt(v / (1 - 0.999**at)) + 1e-8),
            params,
            first,
            second,
        )
        return params, first, second, error

    first = jax.tree.map(jnp.zeros_like, params)
    second = jax.tree.map(jnp.zeros_like, params)
    for at in range(1, steps + 1):
        params, first, second, error = step(params, first, second, float(at), *batches(at))
        if at % 200 == 0:
            said(at, float(error))
    return {name: np.asarray(value) for name, value in params.items()}
