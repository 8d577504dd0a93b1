"""Draws the moving parts of a face in each frame: neck, eyes, brows and mouth."""

from __future__ import annotations

from typing import Any

from avatar_provider_local.face.characters import Character
from avatar_provider_local.face.mouth import Mouth
from avatar_provider_local.face.pen import fade, fill, glow, line, mix, outline, skia, spot
from avatar_provider_local.face.view import View

EYE_X, EYE_Y, EYE_SIZE = 38.0, 4.0, 1.14
MOUTH_Y = 98.0
COLLAR_UP = -24.0
"""Vertical offset of the body in face units; negative values move the body up."""
INK = "#241513"
LONG_LASHES = 2.0
"""Value of `Character.lashes` above which an eye has an additional line at its outer corner."""


def onto(canvas: Any, view: View, x: float, y: float) -> None:
    """Change the coordinates of a canvas to face units around a point of the face.

    After this call a drawing follows the face as the head turns. Call `canvas.save` before and
    `canvas.restore` after the drawing.

    Args:
        canvas: The `skia.Canvas`, in pixels.
        view: The view of the head in the video frame.
        x: Horizontal coordinate of the new origin, in face units.
        y: Vertical coordinate of the new origin, in face units.
    """
    a, b, c, d, e, f = view.patch(x, y)
    canvas.concat(skia.Matrix.MakeAll(a, b, c, d, e, f, 0, 0, 1))


def neck(canvas: Any, view: View, character: Character) -> None:
    """Draw the neck from the collar, which does not move, to the jaw, which moves with the head.

    Args:
        canvas: The `skia.Canvas` to draw on, in pixels.
        view: The view of the head in the video frame.
        character: The colours and shapes of the face.
    """
    base = character.skin
    shade, deep = mix(base, "#7a2f22", 0.38), mix(base, "#401510", 0.5)
    left, right = view.point(-50, 88, out=-70), view.point(50, 88, out=-70)
    x, y = view.origin
    unit = view.scale
    bottom_left, bottom_right, bottom = x - 54 * unit, x + 54 * unit, y + (246 + COLLAR_UP) * unit
    shape = outline(
        left,
        (left[0], y + 140 * unit, left[0], y + 166 * unit, bottom_left, y + 182 * unit),
        (x - 40 * unit, bottom, x + 40 * unit, bottom, bottom_right, y + 182 * unit),
        (right[0], y + 166 * unit, right[0], y + 140 * unit, *right),
    )
    stops = ((0.0, deep, 1.0), (0.42, shade, 1.0), (1.0, base, 1.0))
    canvas.drawPath(shape, fade((0, round(y + 118 * unit)), (0, round(bottom)), *stops))


def eye(canvas: Any, view: View, character: Character, side: int) -> None:
    """Draw one eye.

    Args:
        canvas: The `skia.Canvas` to draw on, in pixels.
        view: The view of the head in the video frame.
        character: The colours and shapes of the face.
        side: -1 for the left eye in the image, 1 for the right eye.
    """
    pose = view.pose
    canvas.save()
    onto(canvas, view, side * EYE_X, EYE_Y)
    canvas.scale(side * EYE_SIZE, EYE_SIZE)
    open_share = 1.0 - pose.lids
    top = -13.5 * open_share * (1.0 + 0.12 * pose.brow) + 6.5 * pose.lids + 1.5 * pose.gaze_y
    low = 8.5 - 1.2 * pose.mouth.smile
    almond = outline((-21, 2), (-13, top, 5, top - 3, 22, -3), (14, low - 1, -9, low + 2, -21, 2))
    if open_share > 0.06:
        canvas.save()
        canvas.clipPath(almond, doAntiAlias=True)
        canvas.drawRect(skia.Rect.MakeLTRB(-24, -18, 24, 16), fill("#f6f2ee"))
        _iris(canvas, character, side * 5.5 * pose.gaze_x, -0.5 + 3.5 * pose.gaze_y)
        canvas.drawRect(
            skia.Rect.MakeLTRB(-24, -18, 24, 2),
            fade((0, -10), (0, 0), (0, "#3a2420", 0.42), (1, "#3a2420", 0.0)),
        )
        canvas.restore()
    lid = outline((-21, 2), (-13, top, 5, top - 3, 23, -4), closed=False)
    canvas.drawPath(lid, line(INK, character.lashes))
    if character.lashes > LONG_LASHES:
        canvas.drawPath(outline((21, -3), (24, -4, 26, -6, 28, -8), closed=False), line(INK, 1.8))
    skin = mix(character.skin, "#401510", 0.55)
    crease = outline((-19, -5), (-11, top - 6, 6, top - 8.5, 24, -9), closed=False)
    canvas.drawPath(crease, line(skin, 1.5, 0.55))
    canvas.drawPath(
        outline((-16, 6), (-7, low + 3, 10, low + 1, 20, 0), closed=False), line(skin, 1.1, 0.4)
    )
    canvas.restore()


def _iris(canvas: Any, character: Character, x: float, y: float) -> None:
    canvas.translate(x, y)
    dark, light = mix(character.iris, "#0c0808", 0.6), mix(character.iris, "#ffffff", 0.4)
    stops = ((0, light, 1), (0.6, character.iris, 1), (0.86, dark, 1), (1, "#161010", 1))
    canvas.drawCircle(0, 0, 10.6, glow((0, 3), 11.5, *stops))
    canvas.drawCircle(0, 0, 4.8, fill("#0b0808"))
    canvas.drawCircle(-3.4, -3.8, 2.7, fill("#ffffff", 0.95))
    canvas.drawCircle(3.6, 3.4, 1.3, fill("#ffffff", 0.5))
    canvas.translate(-x, -y)


def brow(canvas: Any, view: View, character: Character, side: int) -> None:
    """Draw one eyebrow.

    Args:
        canvas: The `skia.Canvas` to draw on, in pixels.
        view: The view of the head in the video frame.
        character: The colours and shapes of the face.
        side: -1 for the left brow in the image, 1 for the right brow.
    """
    canvas.save()
    onto(canvas, view, side * EYE_X, -27.0 - 6.5 * view.pose.brow)
    canvas.scale(side, 1)
    thick, lift = character.brow, 2.0 * view.pose.brow
    shape = outline(
        (-22, 4 + 0.3 * thick),
        (-10, -3 - lift, 8, -8 - lift, 27, 3),
        (8, -7 - lift + thick, -8, -1 + thick, -22, 4 + 0.9 * thick),
    )
    canvas.drawPath(shape, fill(mix(character.hair, "#000000", 0.1), 0.9))
    canvas.restore()


def mouth(canvas: Any, view: View, character: Character) -> None:
    """Draw the lips, and the teeth and the tongue between them.

    Args:
        canvas: The `skia.Canvas` to draw on, in pixels.
        view: The view of the head in the video frame.
        character: The colours and shapes of the face.
    """
    shape = view.pose.mouth
    canvas.save()
    onto(canvas, view, 0.0, MOUTH_Y - 12.0)
    canvas.translate(0, 12.0)
    _Lips(shape).draw(canvas, character)
    canvas.restore()


class _Lips:
    """The lips of one mouth shape: curves in face units around the middle of the mouth.

    Args:
        mouth: The shape of the mouth.

    Attributes:
        mouth: The shape of the mouth.
        half: Half of the width of the lips.
        corner: Vertical position of the corners.
        top: Lower edge of the upper lip at the middle.
        bottom: Upper edge of the lower lip at the middle.
        upper_thick: Thickness of the upper lip.
        lower_thick: Thickness of the lower lip.
    """

    def __init__(self, mouth: Mouth) -> None:
        self.mouth = mouth
        self.half = 30.0 + 7.5 * mouth.width - 7.0 * mouth.round
        self.corner = -0.5 - 10.0 * mouth.smile + 5.0 * mouth.jaw
        gap = 27.0 * mouth.jaw * (1.0 - 0.85 * mouth.press)
        self.top = -3.5 * mouth.upper - 1.5 * mouth.jaw + 1.0 * mouth.press
        self.bottom = self.top + gap + 3.0 * mouth.lower * (1 - mouth.tuck) + 3.0 * mouth.upper
        self.bottom -= 3.5 * mouth.tuck
        self.upper_thick = 8.5 * (1.0 - 0.5 * mouth.press) + 1.5 * mouth.round
        self.lower_thick = 11.0 * (1.0 - 0.42 * mouth.press - 0.5 * mouth.tuck) + 2.0 * mouth.round

    def draw(self, canvas: Any, character: Character) -> None:
        """Draw the lips, and the teeth and the tongue if the mouth is open.

        Args:
            canvas: The `skia.Canvas` to draw on, in face units around the middle of the mouth.
            character: The character, whose `lips` is the colour.
        """
        half, corner, top, bottom = self.half, self.corner, self.top, self.bottom
        lips = character.lips
        fuller = 0.62 + 0.25 * self.mouth.round
        inner_top = (-half * fuller, top - 0.5, -8, top - 1.5, 0, top)
        inner_back = (8, top - 1.5, half * fuller, top - 0.5, half - 2, corner)
        inner_low = (half * fuller, bottom + 1.5, 9, bottom + 1.5, 0, bottom + 1.5)
        inner_low_back = (-9, bottom + 1.5, -half * fuller, bottom + 1.5, -half + 2, corner)
        if bottom - top > 1.2:
            hole = outline((-half + 2, corner), inner_top, inner_back, inner_low, inner_low_back)
            canvas.save()
            canvas.clipPath(hole, doAntiAlias=True)
            self._inside(canvas)
            canvas.restore()
        bow = top - self.upper_thick
        upper = outline(
            (-half, corner),
            (-half * 0.72, corner - 5, -half * 0.42, bow - 1.5, -half * 0.2, bow - 0.5),
            (-4, bow, -2.5, bow + 2.2, 0, bow + 2.2),
            (2.5, bow + 2.2, 4, bow, half * 0.2, bow - 0.5),
            (half * 0.42, bow - 1.5, half * 0.72, corner - 5, half, corner),
            (half - 1, corner + 0.5, half - 1.5, corner + 0.5, half - 2, corner + 0.3),
            (half * fuller, top - 0.2, 8, top - 1.2, 0, top + 0.3),
            (-8, top - 1.2, -half * fuller, top - 0.2, -half + 2, corner + 0.3),
        )
        full = bottom + self.lower_thick
        lower = outline(
            (-half, corner),
            (-half * 0.8, corner + (full - corner) * 0.62, -half * 0.45, full, 0, full),
            (half * 0.45, full, half * 0.8, corner + (full - corner) * 0.62, half, corner),
            (half * fuller, bottom + 1.0, 9, bottom + 1.0, 0, bottom + 1.0),
            (-9, bottom + 1.0, -half * fuller, bottom + 1.0, -half, corner),
        )
        canvas.drawPath(lower, fill(mix(lips, "#ffffff", 0.1)))
        canvas.drawPath(upper, fill(mix(lips, "#3a0f14", 0.14)))
        spot(
            canvas,
            -3,
            bottom + 0.52 * self.lower_thick,
            0.46 * half,
            0.3 * self.lower_thick,
            "#ffffff",
            0.34,
        )
        spot(canvas, 0, full + 5, 0.6 * half, 5, "#401510", 0.2)
        seam = line(mix(lips, "#2a0a0e", 0.7), 1.5, 0.75)
        if bottom - top <= 1.2:
            canvas.drawPath(outline((-half, corner), inner_top, inner_back, closed=False), seam)
        for side in (-1, 1):
            spot(canvas, side * (half + 1), corner, 4.5, 4.0, "#2a0a0e", 0.35)

    def _inside(self, canvas: Any) -> None:
        mouth, half, top, bottom = self.mouth, self.half, self.top, self.bottom
        canvas.drawRect(skia.Rect.MakeLTRB(-50, -30, 50, 80), fill("#3b1216"))
        spot(canvas, 0, (top + bottom) / 2, half, max(3.0, (bottom - top) / 2), "#1c0709", 0.8)
        raised = 0.75 * mouth.tongue
        height = bottom - top
        canvas.save()
        canvas.translate(0, bottom + 5.0 - height * (0.3 + 0.4 * raised))
        canvas.scale(half * 0.62, max(4.0, 7.0 + 0.3 * height))
        canvas.drawCircle(0, 0.4, 1, fill("#b2545a"))
        canvas.restore()
        if mouth.jaw > 0.35:
            low = skia.Rect.MakeLTRB(-half * 0.5, bottom - 2.5, half * 0.5, bottom + 8)
            canvas.drawRoundRect(low, 6, 4, fill("#e8e0d8"))
        if mouth.teeth > 0.05:
            edge = top + 1.0 + 7.5 * mouth.teeth
            teeth = skia.Rect.MakeLTRB(-half * 0.74, top - 9, half * 0.74, edge)
            canvas.drawRoundRect(teeth, 8, 4, fill("#f7f3ee"))
        if mouth.tip > 0.1:
            canvas.save()
            canvas.translate(0, top + 7.5)
            canvas.scale(half * 0.4, 4.5 * mouth.tip)
            canvas.drawCircle(0, 0, 1, fill("#c4646a"))
            canvas.restore()
