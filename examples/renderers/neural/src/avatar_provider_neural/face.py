"""The frames: a still face with the drawn mouth, and with eyes that blink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from avatar_provider_neural.model import (
    HEIGHT,
    LEFT,
    LIDS_HEIGHT,
    LIDS_LEFT,
    LIDS_TOP,
    LIDS_WIDTH,
    TOP,
    WIDTH,
    Pixels,
)

SIDE = 512
"""Width and height of the face in `model.npz`, in pixels."""
SIZES = (128, 256, 512)
"""Sizes of a frame; the edges of the mouth and the lids lie on whole pixels of each of them."""
BLINKS = (0, 1, 1, 0)
"""The state of the lids in the frames of a blink: 0 half closed, 1 closed."""
BLINK_EVERY = 97
"""Frames from one blink to the next."""


class Face:
    """The still face in one size.

    Args:
        arrays: The arrays `face` and `lids` of `model.npz`.
        size: Width and height of a frame in pixels, one of `SIZES`.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]], size: int) -> None:
        self._size = size
        self._step = SIDE // size
        self._face: Pixels = np.full((size, size, 4), 255, np.uint8)
        self._face[..., :3] = _shrink(arrays["face"], self._step)
        self._lids = [_shrink(lids, self._step) for lids in arrays["lids"]]
        self._count = 0

    def compose(self, mouth: Pixels | None) -> Pixels:
        """Draw the next frame.

        Args:
            mouth: RGB pixels of the model, uint8 of shape `(HEIGHT, WIDTH, 3)`; None for a mouth
                at rest.

        Returns:
            New RGBA pixels, uint8 of shape `(size, size, 4)`.
        """
        pixels = self._face.copy()
        if mouth is not None:
            self._paste(pixels, _shrink(mouth, self._step), TOP, LEFT, HEIGHT, WIDTH)
        self._count += 1
        left = BLINK_EVERY - self._count % BLINK_EVERY
        if left <= len(BLINKS):
            lids = self._lids[BLINKS[-left]]
            self._paste(pixels, lids, LIDS_TOP, LIDS_LEFT, LIDS_HEIGHT, LIDS_WIDTH)
        return pixels

    def _paste(
        self, pixels: Pixels, part: Pixels, top: int, left: int, height: int, width: int
    ) -> None:
        step = self._step
        rows = slice(top // step, (top + height) // step)
        columns = slice(left // step, (left + width) // step)
        pixels[rows, columns, :3] = part


def _shrink(pixels: Pixels, step: int) -> Pixels:
    """Return the mean of each block of `step` x `step` pixels."""
    if step == 1:
        return pixels
    rows, columns = pixels.shape[0] // step, pixels.shape[1] // step
    blocks = pixels.reshape(rows, step, columns, step, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32), np.uint8)
