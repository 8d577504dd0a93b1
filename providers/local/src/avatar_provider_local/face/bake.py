"""Draws the parts of a character that never change: wall, body, skin and glasses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from avatar_provider_local.face import view as views
from avatar_provider_local.face.characters import Character
from avatar_provider_local.face.pen import (
    Path,
    colour,
    fade,
    fill,
    glow,
    line,
    mix,
    outline,
    skia,
    spot,
    symmetric,
)
from avatar_provider_local.face.view import Image, Layer

LEFT, TOP, RIGHT, BOTTOM = -190.0, -215.0, 190.0, 235.0
"""Edges of the area that textures of the head cover, in face units."""
HEM = 1400.0
"""The lower end of the jacket in face units, below the edge of a frame that is three times as high
as wide."""
BUTTONS = (410.0, 500.0, 590.0, 680.0)
"""The heights of the buttons in face units."""
DARK, LIGHT = "#2a1712", "#fff4e6"


def surface(width: int, height: int) -> tuple[Image, Any]:
    """Create transparent pixels and a Skia surface that draws into them.

    Args:
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        The premultiplied RGBA pixels, uint8 of shape `(height, width, 4)`, and the `skia.Surface`.
    """
    pixels = np.zeros((height, width, 4), np.uint8)
    drawn = skia.Surface(
        pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType
    )
    return pixels, drawn


def texture(draw: Callable[[Any], None], scale: float, depth: views.Depth) -> Layer:
    """Draw a texture of the head and create its layer.

    Args:
        draw: A function that draws the texture on a `skia.Canvas`, in face units.
        scale: Pixels per face unit in the video frame; the texture is 1.12 times as large.
        depth: A function that returns the depths of points of the layer.

    Returns:
        The layer, which covers the whole head.

    Raises:
        IndexError: `draw` has drawn nothing.
    """
    scale *= views.TEXTURE_SCALE
    pixels, drawn = surface(round((RIGHT - LEFT) * scale), round((BOTTOM - TOP) * scale))
    canvas = drawn.getCanvas()
    canvas.scale(scale, scale)
    canvas.translate(-LEFT, -TOP)
    draw(canvas)
    drawn.flushAndSubmit()
    return Layer(pixels, LEFT, TOP, scale, depth)


def wall(canvas: Any, character: Character, width: int, height: int) -> None:
    """Draw the background: a wall that is lit and out of focus.

    Args:
        canvas: The `skia.Canvas` to draw on, in pixels.
        character: The character, whose `wall` is the colour.
        width: Width of the video frame in pixels.
        height: Height of the video frame in pixels.
    """
    colour, side = character.wall, float(max(width, height))
    light, shade = mix(colour, "#ffffff", 0.55), mix(colour, "#22324a", 0.38)
    paint = glow(
        (0.36 * width, 0.3 * height), 0.95 * side, (0, light, 1), (0.5, colour, 1), (1, shade, 1)
    )
    canvas.drawRect(skia.Rect.MakeWH(width, height), paint)
    for x, y, radius, alpha in (
        (0.13, 0.2, 0.09, 0.16),
        (0.85, 0.16, 0.12, 0.13),
        (0.92, 0.48, 0.07, 0.12),
        (0.06, 0.6, 0.11, 0.1),
        (0.7, 0.07, 0.06, 0.12),
    ):
        spot(canvas, x * width, y * height, radius * side, radius * side, "#ffffff", alpha)


def body(canvas: Any, character: Character) -> None:
    """Draw the shoulders with jacket and shirt, down to the lower edge of any frame.

    Args:
        canvas: The `skia.Canvas` to draw on, in face units.
        character: The colours and shapes of the face.
    """
    cloth = character.cloth
    dark, light = mix(cloth, "#0b0f18", 0.45), mix(cloth, "#ffffff", 0.16)
    shoulders = symmetric(
        (0, 240),
        (-30, 238, -46, 222, -52, 204),
        (-62, 206, -70, 210, -78, 214),
        (-138, 236, -188, 252, -204, 420),
        (-210, 560, -212, 900, -212, HEM),
        (-150, HEM, -60, HEM, 0, HEM),
    )
    canvas.drawPath(
        shoulders, fade((-150, 200), (170, 360), (0, light, 1), (0.45, cloth, 1), (1, dark, 1))
    )
    seam = line(mix(cloth, "#05070c", 0.55), 1.2, 0.5)
    canvas.drawLine(0, 340, 4, HEM, seam)
    for height in BUTTONS:
        spot(canvas, 12, height + 1.5, 9, 9, "#05070c", 0.5)
        canvas.drawCircle(12, height, 5.5, fill(mix(cloth, "#05070c", 0.6), 1))
    for side in (-1, 1):  # the arms
        arm = outline(
            (side * 138, 330), (side * 148, 420, side * 150, 700, side * 150, HEM), closed=False
        )
        canvas.drawPath(arm, line(mix(cloth, "#05070c", 0.5), 2.4, 0.4))
    shirt = outline(
        (-50, 204),
        (-40, 246, 40, 246, 50, 204),
        (52, 254, 26, 304, 0, 344),
        (-26, 304, -52, 254, -50, 204),
    )
    canvas.drawPath(
        shirt,
        fade(
            (0, 204),
            (0, 330),
            (0, mix(character.shirt, "#39424f", 0.22), 1),
            (0.35, character.shirt, 1),
        ),
    )
    for side in (-1, 1):
        canvas.save()
        canvas.scale(side, 1)
        lapel = outline(
            (50, 202),
            (60, 206, 68, 214, 74, 226),
            (60, 238, 62, 246, 70, 252),
            (54, 290, 26, 330, 0, 372),
            (8, 322, 40, 268, 50, 202),
        )
        canvas.drawPath(
            lapel,
            fade(
                (10, 220),
                (70, 300),
                (0, mix(cloth, "#ffffff", 0.1), 1),
                (1, mix(cloth, "#0b0f18", 0.25), 1),
            ),
        )
        canvas.drawPath(lapel, line(mix(cloth, "#05070c", 0.55), 1.2, 0.5))
        canvas.restore()


def face_outline(character: Character) -> Path:
    """Create the outline of the face from the hairline to the chin.

    Args:
        character: The character, whose `jaw` is the width of the jaw.

    Returns:
        The `skia.Path`, in face units.
    """
    jaw = character.jaw
    return symmetric(
        (0, -122),
        (-52, -122, -86, -78, -87, -18),
        (-89, 40, -84 * jaw, 80, -64 * jaw, 110),
        (-47 * jaw, 133, -26 * jaw, 148, 0, 148),
    )


def skin(canvas: Any, character: Character) -> None:
    """Draw the face and the ears with highlights and shadows, the nose, and the beard.

    Args:
        canvas: The `skia.Canvas` to draw on, in face units.
        character: The colours and shapes of the face.
    """
    base, face = character.skin, face_outline(character)
    light, shade = mix(base, LIGHT, 0.3), mix(base, "#7a2f22", 0.34)
    deep = mix(base, "#401510", 0.55)
    for side in (-1, 1):
        canvas.save()
        canvas.scale(side, 1)
        lobe = outline(
            (80, -12),
            (94, -30, 106, -16, 102, 8),
            (99, 30, 92, 44, 82, 40),
            (76, 24, 76, 6, 80, -12),
        )
        canvas.drawPath(
            lobe, fade((76, 0), (106, 10), (0, shade, 1), (1, mix(base, shade, 0.35), 1))
        )
        canvas.drawPath(
            outline((90, -8), (98, -8, 98, 14, 90, 26), closed=False), line(deep, 1.6, 0.4)
        )
        canvas.restore()
    canvas.drawPath(
        face,
        glow(
            (-22, -30),
            205,
            (0, light, 1),
            (0.42, base, 1),
            (0.8, mix(base, shade, 0.6), 1),
            (1, shade, 1),
        ),
    )
    canvas.save()
    canvas.clipPath(face, doAntiAlias=True)
    spot(canvas, -18, -82, 58, 34, LIGHT, 0.28)
    for x in (-50, 50):
        spot(canvas, x, 58, 36, 28, character.blush, 0.34)
        spot(canvas, 0.8 * x, 4, 33, 22, deep, 0.16)
        spot(canvas, 1.16 * x, 34, 24, 14, LIGHT, 0.16)
    spot(canvas, 92, 40, 46, 110, shade, 0.45)
    spot(canvas, 0, 126, 20, 9, deep, 0.2)
    spot(canvas, 0, 140, 26, 10, LIGHT, 0.14)
    spot(canvas, 0, -124, 90, 30, deep, 0.2)
    _nose(canvas, base, deep)
    if character.beard:
        _beard(canvas, character)
    canvas.restore()


def _nose(canvas: Any, base: str, deep: str) -> None:
    spot(canvas, 13, 22, 9, 34, deep, 0.17)
    spot(canvas, -2, 18, 6, 34, LIGHT, 0.3)
    spot(canvas, 0, 60, 24, 9, deep, 0.26)
    spot(canvas, -2, 46, 10, 9, LIGHT, 0.4)
    for side in (-1, 1):
        canvas.save()
        canvas.scale(side, 1)
        canvas.drawPath(
            outline((18, 44), (24, 52, 21, 61, 14, 60), closed=False), line(deep, 1.7, 0.45)
        )
        canvas.drawPath(
            outline((6, 60), (9, 56, 14, 57, 15, 60), (12, 62, 9, 62, 6, 60)), fill(deep, 0.6)
        )
        canvas.restore()
    canvas.drawPath(
        outline((-6, 62), (-2, 65, 2, 65, 6, 62), closed=False),
        line(mix(base, deep, 0.7), 1.5, 0.5),
    )
    spot(canvas, 0, 76, 6, 9, deep, 0.16)


def _beard(canvas: Any, character: Character) -> None:
    """Draw a short beard along the jaw and around the mouth."""
    jaw = symmetric(
        (0, 112),
        (-20, 112, -22, 118, -30, 112),
        (-44, 100, -36, 84, -40, 78),
        (-56, 76, -72, 50, -80, 4),
        (-96, 60, -96, 170, 0, 170),
    )
    lip = symmetric(
        (0, 76), (-14, 72, -30, 76, -42, 92), (-36, 94, -30, 90, -26, 88), (-16, 84, -6, 84, 0, 86)
    )
    soft = skia.Paint(
        Color=colour(character.hair, 0.55 * character.beard),
        AntiAlias=True,
        MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 5.0),
    )
    canvas.drawPath(jaw, soft)
    canvas.drawPath(lip, soft)


def glasses(canvas: Any) -> None:
    """Draw glasses with a dark frame.

    Args:
        canvas: The `skia.Canvas` to draw on, in face units.
    """
    frame = line("#22242c", 4.2)
    for side in (-1, 1):
        canvas.save()
        canvas.scale(side, 1)
        lens = skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(11, -20, 69, 26), 17, 17)
        canvas.drawRRect(
            lens, fade((11, -20), (69, 26), (0, "#ffffff", 0.16), (0.5, "#ffffff", 0.02))
        )
        canvas.drawRRect(lens, frame)
        canvas.drawLine(69, -6, 92, -10, frame)
        canvas.restore()
    canvas.drawPath(outline((-11, -2), (-5, -8, 5, -8, 11, -2), closed=False), frame)
