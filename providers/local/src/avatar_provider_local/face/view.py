"""From the head to the picture: a turned head seen by a camera, and its textures bent to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from avatar_provider_local.face.motion import Pose

cv2.setNumThreads(1)  # a face has a core at most: more threads only cost more

Plane = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]
Depth = Callable[[Plane, Plane], Plane]

UNITS = 460.0
"""Face units along the shorter side of a picture; the origin lies between the eyes."""
EYES_AT = 0.45
"""Of the picture's height."""
PIVOT = (0.0, 150.0, -70.0)
"""Where a head turns: at the top of the neck."""
CAMERA = 1400.0
JAW_DROP = 22.0
CELL = 32
"""Pixels between two points at which a bent texture is worked out exactly."""
STEPS = 3
MARGIN = 8
"""Pixels around what of a texture was projected; the rest lies between `EDGE_POINTS` of it."""
EDGE_POINTS = 17
TEXTURE_SCALE = 1.12
"""Textures are drawn a little larger than seen: bending blurs them."""


def of_face(x: Plane, y: Plane) -> Plane:
    """Depth of the face: an egg with a nose and lips."""
    egg = 118.0 * np.sqrt(np.maximum(0.0, 1.0 - (x / 104.0) ** 2 - ((y - 10.0) / 172.0) ** 2))
    nose = 24.0 * np.exp(-((x / 13.0) ** 2) - ((y - 46.0) / 22.0) ** 2)
    lips = 8.0 * np.exp(-((x / 30.0) ** 2) - ((y - 98.0) / 18.0) ** 2)
    return (egg + nose + lips).astype(np.float32)


def at_depth(depth: float) -> Depth:
    """An even plane."""
    return lambda x, y: np.full_like(x, depth)


def before_face(distance: float) -> Depth:
    """A shell around the face."""
    return lambda x, y: of_face(x, y) + np.float32(distance)


@dataclass(frozen=True, slots=True)
class View:
    """One pose, seen in pictures of one size.

    Args:
        width, height: Of the picture, pixels.
        pose: Of the head.
    """

    width: int
    height: int
    pose: Pose

    @property
    def scale(self) -> float:
        """Pixels of a face unit."""
        return min(self.width, self.height) / UNITS

    @property
    def origin(self) -> tuple[float, float]:
        """Pixel between the eyes of a head that looks straight."""
        return self.width / 2, self.height * EYES_AT

    def project(self, x: Plane, y: Plane, z: Plane) -> tuple[Plane, Plane]:
        """Points of the head in pixels."""
        pose, (px, py, pz) = self.pose, PIVOT
        drop = np.clip((y - 66.0) / 84.0, 0.0, 1.0)
        y = y + JAW_DROP * pose.mouth.jaw * drop * drop * (3.0 - 2.0 * drop)
        x, y, z = x - px, y - py, z - pz
        sin, cos = math.sin(pose.yaw), math.cos(pose.yaw)
        x, z = cos * x + sin * z, cos * z - sin * x
        sin, cos = math.sin(pose.pitch), math.cos(pose.pitch)
        y, z = cos * y + sin * z, cos * z - sin * y
        sin, cos = math.sin(pose.roll), math.cos(pose.roll)
        x, y = cos * x - sin * y, cos * y + sin * x
        near = self.scale * (1.0 + pose.lean) * CAMERA / (CAMERA - z - pz)
        left, top = self.origin
        rise = py - 1.2 * pose.breath
        return left + (x + px) * near, top + y * near + rise * self.scale

    def point(self, x: float, y: float, out: float = 0.0) -> tuple[float, float]:
        """A point on the face, or `out` units before it, in pixels."""
        xs, ys = np.array([x], np.float32), np.array([y], np.float32)
        px, py = self.project(xs, ys, of_face(xs, ys) + np.float32(out))
        return float(px[0]), float(py[0])

    def patch(self, x: float, y: float) -> tuple[float, float, float, float, float, float]:
        """The face around a point as an affine map: scale x, skew x, x, skew y, scale y, y."""
        radius = 12.0
        xs = np.array([x - radius, x + radius, x, x, x], np.float32)
        ys = np.array([y, y, y - radius, y + radius, y], np.float32)
        px, py = self.project(xs, ys, of_face(xs, ys))
        across = ((px[1] - px[0]) / (2 * radius), (py[1] - py[0]) / (2 * radius))
        down = ((px[3] - px[2]) / (2 * radius), (py[3] - py[2]) / (2 * radius))
        values = (across[0], down[0], px[4], across[1], down[1], py[4])
        a, b, c, d, e, f = (float(value) for value in values)
        return a, b, c, d, e, f


class Layer:
    """A texture of the head: premultiplied RGBA in face units, bent to each view.

    Args:
        texture: Drawn at `scale` pixels a unit.
        left, top: Its corner, face units.
        scale: Pixels of a unit in the texture.
        depth: How far each of its points is before the eyes' plane.
    """

    def __init__(self, texture: Image, left: float, top: float, scale: float, depth: Depth) -> None:
        self._texture = texture
        self._corner = (left, top)
        self._scale = scale
        self._depth = depth
        rows, columns = (np.flatnonzero(texture[..., 3].any(axis=axis)) for axis in (1, 0))
        across = np.linspace(columns[0], columns[-1] + 1, EDGE_POINTS) / scale + left
        down = np.linspace(rows[0], rows[-1] + 1, EDGE_POINTS) / scale + top
        self._drawn = np.meshgrid(across.astype(np.float32), down.astype(np.float32))

    def bent(self, view: View) -> tuple[Image, int, int]:
        """As it is seen: its part of the picture, and where that lies, pixels."""
        first_x, last_x, first_y, last_y = self._cells(view)
        to_x = ((np.arange(first_x, last_x + 2) - 0.5) * CELL - 0.5).astype(np.float32)
        to_y = ((np.arange(first_y, last_y + 2) - 0.5) * CELL - 0.5).astype(np.float32)
        want_x, want_y = np.meshgrid(to_x, to_y)
        left, top = view.origin
        x, y = (want_x - left) / view.scale, (want_y - top) / view.scale
        for _ in range(STEPS):
            px, py = view.project(x, y, self._depth(x, y))
            x, y = x + (want_x - px) / view.scale, y + (want_y - py) / view.scale
        from_x, from_y = (
            cv2.resize(
                ((at - corner) * self._scale - 0.5).astype(np.float32),
                (len(to_x) * CELL, len(to_y) * CELL),
            )[CELL:-CELL, CELL:-CELL]
            for at, corner in zip((x, y), self._corner, strict=True)
        )
        seen = cv2.remap(
            self._texture, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        return np.asarray(seen, np.uint8), first_x * CELL, first_y * CELL

    def _cells(self, view: View) -> tuple[int, int, int, int]:
        """Which cells of the picture it covers, from and to, across and down."""
        px, py = view.project(*self._drawn, self._depth(*self._drawn))
        cells = []
        for at, side in ((px, view.width), (py, view.height)):
            most = -(-side // CELL)
            first = min(max(0, int((at.min() - MARGIN) // CELL)), most - 1)
            cells += [first, max(first + 1, min(most, int((at.max() + MARGIN) // CELL) + 1))]
        return cells[0], cells[1], cells[2], cells[3]
