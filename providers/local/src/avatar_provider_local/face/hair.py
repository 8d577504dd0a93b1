"""Haircuts: shapes of the hair behind the head and around the forehead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from avatar_provider_local.face.characters import Character, Hair
from avatar_provider_local.face.pen import Path, fade, line, mix, outline, skia, spot, symmetric

LIGHT = "#fff4e6"

Strand = tuple[float, float, float, float, float]
"""Start x and y, end x and y, and offset of the curve from a straight line, in face units."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The shapes of a haircut, in face units.

    Attributes:
        back: Outline of the hair behind the head.
        locks: Outlines of the hair in front of the head.
        strands: Lines that are drawn into each lock.
        bun: Whether there is a bun on top of the head.
    """

    back: Path
    locks: tuple[Path, ...]
    strands: tuple[Strand, ...]
    bun: bool = False


CUTS = {
    Hair.BOB: Cut(
        back=symmetric(
            (0, -158),
            (-72, -158, -112, -110, -114, -40),
            (-117, 30, -124, 90, -118, 128),
            (-112, 150, -60, 152, -44, 138),
            (-30, 120, -20, 60, 0, 60),
        ),
        locks=(
            outline(
                (-14, -158),
                (-78, -156, -114, -108, -113, -36),
                (-114, 10, -116, 60, -108, 96),
                (-88, 78, -75, 24, -83, -22),
                (-82, -56, -50, -82, -14, -108),
            ),
            outline(
                (-22, -158),
                (56, -166, 112, -118, 113, -36),
                (114, 10, 116, 60, 108, 96),
                (88, 78, 75, 24, 83, -22),
                (80, -62, 30, -78, -22, -114),
            ),
        ),
        strands=(
            (-96, -120, -108, -40, 12),
            (-70, -142, -100, -40, 8),
            (40, -150, 104, -36, 14),
            (72, -138, 108, -30, 8),
        ),
    ),
    Hair.BUN: Cut(
        back=symmetric(
            (0, -152),
            (-62, -152, -100, -106, -98, -30),
            (-96, 10, -88, 30, -78, 30),
            (-50, 20, -20, 0, 0, 0),
        ),
        locks=(
            symmetric(
                (0, -152),
                (-64, -154, -102, -106, -98, -22),
                (-94, -36, -88, -52, -80, -62),
                (-60, -92, -26, -101, 0, -101),
            ),
        ),
        strands=(
            (-30, -148, -88, -60, 6),
            (30, -148, 88, -60, 6),
            (0, -150, -50, -100, 4),
            (0, -150, 50, -100, 4),
        ),
        bun=True,
    ),
    Hair.SHORT: Cut(
        back=symmetric(
            (0, -150),
            (-64, -150, -98, -104, -95, -36),
            (-94, -6, -90, 20, -82, 22),
            (-50, 10, -20, 0, 0, 0),
        ),
        locks=(
            outline(
                (-92, -14),
                (-102, -70, -92, -128, -40, -146),
                (8, -164, 74, -152, 92, -104),
                (102, -78, 98, -40, 92, -14),
                (88, -34, 86, -50, 78, -66),
                (40, -80, -12, -76, -62, -84),
                (-78, -72, -86, -42, -92, -14),
            ),
        ),
        strands=((-60, -130, 40, -92, 10), (-30, -146, 70, -100, 8), (-76, -112, -10, -88, 5)),
    ),
}


def back_hair(canvas: Any, character: Character) -> None:
    """Draw the hair behind the head.

    Args:
        canvas: The `skia.Canvas` to draw on, in face units.
        character: The character, with the haircut and the colour of the hair.
    """
    hair, cut = character.hair, CUTS[character.cut]
    stops = ((0, mix(hair, LIGHT, 0.12), 1), (0.4, hair, 1), (1, mix(hair, "#000000", 0.45), 1))
    paint = fade((-120, -120), (120, 120), *stops)
    if cut.bun:
        canvas.drawOval(skia.Rect.MakeLTRB(-35, -194, 35, -126), paint)
        spot(canvas, -10, -176, 18, 12, mix(hair, LIGHT, 0.4), 0.5)
    canvas.drawPath(cut.back, paint)


def front_hair(canvas: Any, character: Character) -> None:
    """Draw the hair around the forehead.

    Args:
        canvas: The `skia.Canvas` to draw on, in face units.
        character: The character, with the haircut and the colour of the hair.
    """
    hair, cut = character.hair, CUTS[character.cut]
    bright, dark = mix(hair, LIGHT, 0.28), mix(hair, "#000000", 0.4)
    paint = fade((-70, -160), (90, 20), (0, bright, 1), (0.3, hair, 1), (1, dark, 1))
    for lock in cut.locks:
        canvas.drawPath(lock, paint)
        canvas.save()
        canvas.clipPath(lock, doAntiAlias=True)
        spot(canvas, -42, -116, 46, 22, mix(hair, LIGHT, 0.55), 0.4)
        for x, y, to_x, to_y, bow in cut.strands:
            handle = ((x + to_x) / 2 + bow, (y + to_y) / 2 - bow)
            strand = outline((x, y), (*handle, *handle, to_x, to_y), closed=False)
            canvas.drawPath(strand, line(bright, 1.3, 0.35))
            canvas.translate(5, 3)
            canvas.drawPath(strand, line(dark, 1.6, 0.4))
            canvas.translate(-5, -3)
        canvas.restore()
