"""Projects points and textures of the head into a video frame.

The coordinates of the head are in face units: 1/460 of the shorter side of a frame that is not
taller than wide, and up to 1.4 times as much in a taller frame. The origin is between the eyes, x
points to the right of the image, y down, and z (the depth) to the viewer.
"""

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
"""An array with one coordinate of several points."""
Image = npt.NDArray[np.uint8]
"""Premultiplied RGBA pixels of shape `(rows, columns, 4)`."""
Depth = Callable[[Plane, Plane], Plane]
"""A function that returns the depth z of points from their x and y, all in face units."""

UNITS = 460.0
"""Number of face units along the shorter side of a square or wide video frame."""
MOST_ZOOM = 1.4
"""Factor by which the head is larger in a tall frame. With a larger factor, the hair touches the
sides of the frame."""
EYES_AT, TALL_EYES_AT = 0.45, 0.4
"""Distance of the eyes from the top of a video frame, as a share of its height: for square and wide
frames, and for frames that are twice as high as wide or higher."""
PIVOT = (0.0, 150.0, -70.0)
"""The point around which the head turns, at the top of the neck: x, y and z in face units."""
CAMERA = 1400.0
"""Distance of the camera from the plane z = 0, in face units."""
JAW_DROP = 22.0
"""Distance by which a fully open jaw moves the chin down, in face units."""
CELL = 32
"""Pixels between two points for which `Layer.bent` computes the exact texture position."""
STEPS = 3
"""Number of iterations that find the texture position of a pixel."""
MARGIN = 8
"""Pixels added around the projected grid points of a layer, because its edge may lie outside."""
EDGE_POINTS = 17
"""Number of grid points of a layer in each direction."""
TEXTURE_SCALE = 1.12
"""Factor by which textures are larger than the frame shows them, because distortion blurs them."""


def of_face(x: Plane, y: Plane) -> Plane:
    """Return the depth of points of the face: an ellipsoid with a nose and lips.

    Args:
        x: Horizontal coordinates in face units.
        y: Vertical coordinates in face units, of the same shape.

    Returns:
        The depths z in face units, float32, of the same shape.
    """
    egg = 118.0 * np.sqrt(np.maximum(0.0, 1.0 - (x / 104.0) ** 2 - ((y - 10.0) / 172.0) ** 2))
    nose = 24.0 * np.exp(-((x / 13.0) ** 2) - ((y - 46.0) / 22.0) ** 2)
    lips = 8.0 * np.exp(-((x / 30.0) ** 2) - ((y - 98.0) / 18.0) ** 2)
    return (egg + nose + lips).astype(np.float32)


def at_depth(depth: float) -> Depth:
    """Create a depth function for a plane that is parallel to the image.

    Args:
        depth: Depth z of the plane in face units.

    Returns:
        A function that returns `depth` for every point.
    """
    return lambda x, y: np.full_like(x, depth)


def before_face(distance: float) -> Depth:
    """Create a depth function for a surface in front of the face.

    Args:
        distance: Distance from the face towards the viewer, in face units.

    Returns:
        A function that returns the depth of the face plus `distance` for each point.
    """
    return lambda x, y: of_face(x, y) + np.float32(distance)


@dataclass(frozen=True, slots=True)
class View:
    """The camera's view of a head in one pose; `Drawing` creates one for each video frame.

    Attributes:
        width: Width of the video frame in pixels.
        height: Height of the video frame in pixels.
        pose: Position of the head.
    """

    width: int
    height: int
    pose: Pose

    @property
    def scale(self) -> float:
        """The number of pixels in one face unit."""
        zoom = min(MOST_ZOOM, math.sqrt(max(1.0, self.height / self.width)))
        return min(self.width, self.height) / UNITS * zoom

    @property
    def origin(self) -> tuple[float, float]:
        """The position in pixels of the point between the eyes, for a head that looks ahead."""
        tall = min(max(self.height / self.width - 1.0, 0.0), 1.0)
        return self.width / 2, self.height * (EYES_AT + tall * (TALL_EYES_AT - EYES_AT))

    def project(self, x: Plane, y: Plane, z: Plane) -> tuple[Plane, Plane]:
        """Compute the pixel positions of points of the head.

        An open jaw moves the points of the chin down before the head turns.

        Args:
            x: Horizontal coordinates in face units.
            y: Vertical coordinates in face units, of the same shape.
            z: Depths in face units, of the same shape.

        Returns:
            The horizontal and the vertical positions in pixels from the top left corner of the
            frame, each of the same shape.
        """
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
        """Compute the pixel position of one point of the face.

        Args:
            x: Horizontal coordinate in face units.
            y: Vertical coordinate in face units.
            out: Distance of the point from the face towards the viewer, in face units; negative
                values are behind the face.

        Returns:
            The horizontal and the vertical position in pixels.
        """
        xs, ys = np.array([x], np.float32), np.array([y], np.float32)
        px, py = self.project(xs, ys, of_face(xs, ys) + np.float32(out))
        return float(px[0]), float(py[0])

    def patch(self, x: float, y: float) -> tuple[float, float, float, float, float, float]:
        """Approximate the projection of the face around a point with an affine map.

        The map converts offsets from the point in face units to pixel positions.

        Args:
            x: Horizontal coordinate of the point in face units.
            y: Vertical coordinate of the point in face units.

        Returns:
            The first two rows of the matrix: scale x, skew x and translation x, then skew y,
            scale y and translation y. Translations are in pixels, scales and skews in
            pixels per face unit.
        """
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
    """A flat texture of the head, such as the skin or the hair, which each view distorts.

    `bake.texture` creates the layers of a character, and `Drawing` draws them in each frame.

    Args:
        texture: Premultiplied RGBA pixels, uint8 of shape `(rows, columns, 4)`. At least one pixel
            must be visible.
        left: Horizontal coordinate of the top left corner in face units.
        top: Vertical coordinate of the top left corner in face units.
        scale: Texture pixels per face unit.
        depth: A function that returns the depths of points of the layer.

    Raises:
        IndexError: All pixels of the texture are transparent.
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
        """Distort the texture for a view.

        Args:
            view: The pose of the head and the size of the video frame.

        Returns:
            The visible part of the layer, and the horizontal and the vertical position of its top
            left corner in the frame, in pixels. The part has premultiplied RGBA pixels, uint8 of
            shape `(rows, columns, 4)`, with multiples of `CELL` rows and columns; it can reach
            over the right and the lower edge of the frame.
        """
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
        """Return the cells of the frame that the layer covers.

        Args:
            view: The pose of the head and the size of the video frame.

        Returns:
            The numbers of the first column, of the column after the last column, of the first row,
            and of the row after the last row. A cell has `CELL` pixels in each direction.
        """
        px, py = view.project(*self._drawn, self._depth(*self._drawn))
        cells = []
        for at, side in ((px, view.width), (py, view.height)):
            most = -(-side // CELL)
            first = min(max(0, int((at.min() - MARGIN) // CELL)), most - 1)
            cells += [first, max(first + 1, min(most, int((at.max() + MARGIN) // CELL) + 1))]
        return cells[0], cells[1], cells[2], cells[3]
