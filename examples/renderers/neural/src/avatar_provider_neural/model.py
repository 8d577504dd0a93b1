"""The model, in numpy: speech to the pose of the mouth, and the pose to the pixels around it.

`tools/train_neural_renderer.py` of avatar-core trains the model and writes `model.npz`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from avatar_provider_neural.features import BANDS, FUTURE, PAST, Floats

POSE = 11
"""Numbers that describe the pose of a mouth."""
GRID = (10, 16, 16)
"""Rows, columns and channels of the image that the first convolution reads."""
GROUP = 64
"""Pixels in a product of matrices. The products are so small that OpenBLAS starts no threads:
threads would wait for each other on a machine that is busy."""
LEAK = 0.1
"""Slope of the units of all hidden layers for negative inputs."""
TOP, LEFT, HEIGHT, WIDTH = 312, 128, 160, 256
"""The part of the face that the model draws, in pixels of a face of 512 x 512."""
LIDS_TOP, LIDS_LEFT, LIDS_HEIGHT, LIDS_WIDTH = 180, 152, 52, 208
"""The part of the face that a blink replaces."""

Pixels = npt.NDArray[np.uint8]


def load_arrays() -> dict[str, npt.NDArray[Any]]:
    """Read the file `model.npz` of this package.

    Returns:
        The arrays by name: `face`, `lids`, `feather`, and the weights.

    Raises:
        OSError: The file cannot be read.
    """
    source = files("avatar_provider_neural").joinpath("model.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


@dataclass(frozen=True)
class Model:
    """The trained networks.

    Attributes:
        listen: Matrix and bias of each dense layer from spectra to the pose of the mouth.
        spread: Matrix and bias of each dense layer from the pose to the first image.
        paint: Kernel and bias of each convolution; a kernel has the shape `(9 * inputs, outputs)`.
        rest: The pixels of the mouth at rest, float32 of shape `(HEIGHT, WIDTH, 3)`.
        feather: The weight of the drawn pixels, float32 of shape `(HEIGHT, WIDTH, 1)`: 0 at the
            edges, so that no edge is visible in the face.
    """

    listen: list[tuple[Floats, Floats]]
    spread: list[tuple[Floats, Floats]]
    paint: list[tuple[Floats, Floats]]
    rest: Floats
    feather: Floats

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Model:
        """Create the model from the arrays of `model.npz`.

        Args:
            arrays: The arrays by name.

        Returns:
            The model.

        Raises:
            KeyError: An array is missing.
        """

        def layers(name: str) -> list[tuple[Floats, Floats]]:
            """Return the layers of one network.

            Args:
                name: The name of the network.

            Returns:
                Weights and bias of each layer as float32.
            """
            count = sum(key.startswith(f"{name}_weights") for key in arrays)
            return [
                (
                    np.asarray(arrays[f"{name}_weights{at}"], np.float32),
                    np.asarray(arrays[f"{name}_bias{at}"], np.float32),
                )
                for at in range(count)
            ]

        rest = arrays["face"][TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH].astype(np.float32)
        feather = arrays["feather"].astype(np.float32)
        return cls(layers("listen"), layers("spread"), layers("paint"), rest, feather)

    def warm_up(self, frames: int) -> None:
        """Run the model once without using the result, so that the first frame is not slow.

        Args:
            frames: Number of frames of the largest batch.
        """
        self.draw(self.pose(np.zeros((frames, (PAST + 1 + FUTURE) * BANDS), np.float32)))

    def pose(self, spectra: Floats) -> Floats:
        """Compute the pose of the mouth from the speech.

        Args:
            spectra: The result of `Features.read`: a row for each frame.

        Returns:
            The poses, float32 of shape `(n, POSE)`. The first number is how far the jaw is open,
            from 0 to about 1; all zeros are a mouth at rest.
        """
        return _dense(self.listen, spectra)

    def draw(self, poses: Floats) -> Pixels:
        """Draw the mouth and the chin.

        Args:
            poses: The poses of some mouths, float32 of shape `(n, POSE)`.

        Returns:
            RGB pixels, uint8 of shape `(n, HEIGHT, WIDTH, 3)`.
        """
        first = _leaky(_dense(self.spread, poses)).reshape(-1, *GRID)
        return np.stack([self._paint(image) for image in first])

    def _paint(self, image: Floats) -> Pixels:
        """Run the convolutions for one mouth, whose data fit into the cache of a CPU core."""
        for at, (kernel, bias) in enumerate(self.paint):
            last = at == len(self.paint) - 1
            image = _convolve(image if last else _double(image), kernel) + bias
            image = image if last else _leaky(image)
        blocks = image.reshape(HEIGHT // 2, WIDTH // 2, 2, 2, 3).swapaxes(1, 2)
        offsets = blocks.reshape(HEIGHT, WIDTH, 3)
        return np.asarray(np.clip(self.rest + 128 * self.feather * offsets, 0, 255), np.uint8)


def _dense(layers: list[tuple[Floats, Floats]], values: Floats) -> Floats:
    for at, (matrix, bias) in enumerate(layers):
        values = np.einsum("ni,io->no", values, matrix) + bias
        if at < len(layers) - 1:
            values = _leaky(values)
    return values


def _leaky(values: Floats) -> Floats:
    return np.asarray(np.maximum(values, np.float32(LEAK) * values))


def _double(image: Floats) -> Floats:
    """Return an image with twice as many rows and columns."""
    return image.repeat(2, axis=0).repeat(2, axis=1)


def _convolve(image: Floats, kernel: Floats) -> Floats:
    """Apply a convolution of 3 x 3 pixels as products of matrices for groups of pixels."""
    rows, columns, channels = image.shape
    padded = np.zeros((rows + 2, columns + 2, channels), np.float32)
    padded[1:-1, 1:-1] = image
    patches = np.empty((rows, columns, 9, channels), np.float32)
    for at in range(9):
        down, right = divmod(at, 3)
        patches[:, :, at] = padded[down : down + rows, right : right + columns]
    groups = patches.reshape(-1, GROUP, 9 * channels) @ kernel
    return groups.reshape(rows, columns, -1)
