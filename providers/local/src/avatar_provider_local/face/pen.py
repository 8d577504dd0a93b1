"""Short helpers for Skia: colours, soft spots, smooth outlines."""

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
    """From `#rrggbb`."""
    red, green, blue = (int(hex[at : at + 2], 16) for at in (1, 3, 5))
    return int(skia.Color(red, green, blue, round(255 * max(0.0, min(1.0, alpha)))))


def mix(one: str, other: str, share: float) -> str:
    """A colour between two, `share` of the way to the other."""
    parts = (
        round(int(one[at : at + 2], 16) * (1 - share) + int(other[at : at + 2], 16) * share)
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


@lru_cache(maxsize=256)
def fill(hex: str, alpha: float = 1.0) -> Paint:
    """One even colour."""
    return skia.Paint(Color=colour(hex, alpha), AntiAlias=True)


@lru_cache(maxsize=256)
def line(hex: str, width: float, alpha: float = 1.0) -> Paint:
    """A round-ended stroke."""
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
    """A radial gradient; each stop is its place, its colour and its alpha."""
    places, hexes, alphas = zip(*stops, strict=True)
    colours = [colour(hex, alpha) for hex, alpha in zip(hexes, alphas, strict=True)]
    shader = skia.GradientShader.MakeRadial(skia.Point(*centre), radius, colours, list(places))
    return skia.Paint(Shader=shader, AntiAlias=True)


@lru_cache(maxsize=128)
def fade(start: Point, end: Point, *stops: tuple[float, str, float]) -> Paint:
    """A linear gradient; stops as of `glow`."""
    places, hexes, alphas = zip(*stops, strict=True)
    colours = [colour(hex, alpha) for hex, alpha in zip(hexes, alphas, strict=True)]
    ends = [skia.Point(*start), skia.Point(*end)]
    shader = skia.GradientShader.MakeLinear(ends, colours, list(places))
    return skia.Paint(Shader=shader, AntiAlias=True)


def spot(canvas: Any, x: float, y: float, rx: float, ry: float, hex: str, alpha: float) -> None:
    """A soft round patch that fades out to its edge."""
    canvas.save()
    canvas.translate(x, y)
    canvas.scale(rx, ry)
    canvas.drawCircle(0, 0, 1, glow((0, 0), 1.0, (0.0, hex, alpha), (1.0, hex, 0.0)))
    canvas.restore()


def outline(start: Point, *curves: Sequence[float], closed: bool = True) -> Path:
    """Cubic curves one after another, each two handles and an end: six numbers."""
    path = skia.PathBuilder().moveTo(*start)
    for curve in curves:
        path.cubicTo(*curve)
    if closed:
        path.close()
    return path.detach()


def symmetric(start: Point, *curves: Sequence[float]) -> Path:
    """A closed outline from its left half, drawn from a point on the axis to another."""
    points = [start] + [(curve[at], curve[at + 1]) for curve in curves for at in (0, 2, 4)]
    mirrored = [(-x, y) for x, y in reversed(points)]
    back = [
        (*mirrored[at], *mirrored[at + 1], *mirrored[at + 2])
        for at in range(1, len(mirrored) - 1, 3)
    ]
    return outline(start, *curves, *back)
