"""Helper functions for Skia: colours, paints, soft spots and smooth outlines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from avatar_core import ConfigError

try:
    import skia as skia
except ImportError as error:
    raise ConfigError(
        f"Skia, the library that draws the face, cannot be loaded ({error}).",
        hint="On Debian and Ubuntu, run: apt-get install --no-install-recommends libegl1 libgl1",
    ) from error

Point = tuple[float, float]
Paint = Any
Path = Any


@lru_cache(maxsize=512)
def colour(hex: str, alpha: float = 1.0) -> int:
    """Convert a colour to the number that Skia uses.

    Args:
        hex: The colour as `#rrggbb`.
        alpha: Opacity, limited to 0 (transparent) to 1 (opaque).

    Returns:
        The colour as a 32-bit ARGB number.

    Raises:
        ValueError: `hex` is not of the form `#rrggbb`.
    """
    red, green, blue = (int(hex[at : at + 2], 16) for at in (1, 3, 5))
    return int(skia.Color(red, green, blue, round(255 * max(0.0, min(1.0, alpha)))))


def mix(one: str, other: str, share: float) -> str:
    """Mix two colours.

    Args:
        one: The colour at `share` 0, as `#rrggbb`.
        other: The colour at `share` 1, as `#rrggbb`.
        share: Weight of `other`, 0 to 1.

    Returns:
        The mixed colour as `#rrggbb`.

    Raises:
        ValueError: A colour is not of the form `#rrggbb`.
    """
    parts = (
        round(int(one[at : at + 2], 16) * (1 - share) + int(other[at : at + 2], 16) * share)
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


@lru_cache(maxsize=256)
def fill(hex: str, alpha: float = 1.0) -> Paint:
    """Create a paint that fills a shape with one colour.

    Args:
        hex: The colour as `#rrggbb`.
        alpha: Opacity, 0 (transparent) to 1 (opaque).

    Returns:
        A `skia.Paint` that all calls with these arguments share; do not change it.

    Raises:
        ValueError: `hex` is not of the form `#rrggbb`.
    """
    return skia.Paint(Color=colour(hex, alpha), AntiAlias=True)


@lru_cache(maxsize=256)
def line(hex: str, width: float, alpha: float = 1.0) -> Paint:
    """Create a paint for lines with round ends.

    Args:
        hex: The colour as `#rrggbb`.
        width: Width of the line, in units of the canvas.
        alpha: Opacity, 0 (transparent) to 1 (opaque).

    Returns:
        A `skia.Paint` that all calls with these arguments share; do not change it.

    Raises:
        ValueError: `hex` is not of the form `#rrggbb`.
    """
    return skia.Paint(
        Color=colour(hex, alpha),
        AntiAlias=True,
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


@lru_cache(maxsize=128)
def glow(centre: Point, radius: float, *stops: tuple[float, str, float]) -> Paint:
    """Create a paint with a radial gradient.

    Args:
        centre: Centre of the gradient, in units of the canvas.
        radius: Radius at which the gradient ends, in units of the canvas.
        *stops: The colours in order. Each stop has a place, from 0 (centre) to 1 (`radius`), a
            colour as `#rrggbb`, and an opacity, 0 to 1.

    Returns:
        A `skia.Paint` that all calls with these arguments share; do not change it.

    Raises:
        ValueError: There are no stops, or a colour is not of the form `#rrggbb`.
    """
    places, hexes, alphas = zip(*stops, strict=True)
    colours = [colour(hex, alpha) for hex, alpha in zip(hexes, alphas, strict=True)]
    shader = skia.GradientShader.MakeRadial(skia.Point(*centre), radius, colours, list(places))
    return skia.Paint(Shader=shader, AntiAlias=True)


@lru_cache(maxsize=128)
def fade(start: Point, end: Point, *stops: tuple[float, str, float]) -> Paint:
    """Create a paint with a linear gradient.

    Args:
        start: Point at which the gradient starts, in units of the canvas.
        end: Point at which the gradient ends, in units of the canvas.
        *stops: The colours in order. Each stop has a place, from 0 (`start`) to 1 (`end`), a
            colour as `#rrggbb`, and an opacity, 0 to 1.

    Returns:
        A `skia.Paint` that all calls with these arguments share; do not change it.

    Raises:
        ValueError: There are no stops, or a colour is not of the form `#rrggbb`.
    """
    places, hexes, alphas = zip(*stops, strict=True)
    colours = [colour(hex, alpha) for hex, alpha in zip(hexes, alphas, strict=True)]
    ends = [skia.Point(*start), skia.Point(*end)]
    shader = skia.GradientShader.MakeLinear(ends, colours, list(places))
    return skia.Paint(Shader=shader, AntiAlias=True)


def spot(canvas: Any, x: float, y: float, rx: float, ry: float, hex: str, alpha: float) -> None:
    """Draw an ellipse whose opacity falls from its centre to 0 at its edge.

    Args:
        canvas: The `skia.Canvas` to draw on.
        x: Horizontal position of the centre, in units of the canvas.
        y: Vertical position of the centre, in units of the canvas.
        rx: Horizontal radius, in units of the canvas.
        ry: Vertical radius, in units of the canvas.
        hex: The colour as `#rrggbb`.
        alpha: Opacity at the centre, 0 to 1.

    Raises:
        ValueError: `hex` is not of the form `#rrggbb`.
    """
    canvas.save()
    canvas.translate(x, y)
    canvas.scale(rx, ry)
    canvas.drawCircle(0, 0, 1, glow((0, 0), 1.0, (0.0, hex, alpha), (1.0, hex, 0.0)))
    canvas.restore()


def outline(start: Point, *curves: Sequence[float], closed: bool = True) -> Path:
    """Create a path from cubic Bezier curves.

    Args:
        start: Start of the first curve, in units of the canvas.
        *curves: Six numbers for each curve: x and y of the first control point, of the second
            control point, and of the end. Each curve starts at the end of the previous curve.
        closed: Whether a straight line closes the path.

    Returns:
        The `skia.Path`.
    """
    path = skia.PathBuilder().moveTo(*start)
    for curve in curves:
        path.cubicTo(*curve)
    if closed:
        path.close()
    return path.detach()


def symmetric(start: Point, *curves: Sequence[float]) -> Path:
    """Create a closed path that is symmetric to the vertical axis `x = 0`.

    Args:
        start: Start of the left half, on the axis, in units of the canvas.
        *curves: The curves of the left half, as in `outline`; the last curve must end on the axis.

    Returns:
        The `skia.Path`.
    """
    points = [start] + [(curve[at], curve[at + 1]) for curve in curves for at in (0, 2, 4)]
    mirrored = [(-x, y) for x, y in reversed(points)]
    back = [
        (*mirrored[at], *mirrored[at + 1], *mirrored[at + 2])
        for at in range(1, len(mirrored) - 1, 3)
    ]
    return outline(start, *curves, *back)
