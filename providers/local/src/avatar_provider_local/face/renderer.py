"""The renderer: sound in, a speaking face out."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from avatar_core import AudioFormat, Renderer, VideoFrame
from avatar_provider_local.face import bake, hair, live
from avatar_provider_local.face.characters import CHARACTERS
from avatar_provider_local.face.features import RATE_HZ
from avatar_provider_local.face.motion import Motion, Pose, between
from avatar_provider_local.face.mouth import CONTEXT_S, Lips, Mouth, shape
from avatar_provider_local.face.pen import skia
from avatar_provider_local.face.view import Image, View, at_depth, before_face, of_face
from avatar_provider_local.face.visemes import LOOKAHEAD_S, Tracker

KEPT = 16
"""Poses of the latest pictures: so many may be drawn ahead."""
EASE_S, ENOUGH = 0.06, 0.02
"""How fast a face leaves the pose it was cut in, and when it has."""


class FaceRenderer(Renderer):
    """A drawn face whose lips follow the sound.

    The same arguments and the same sound give the same pictures.

    Args:
        width: Of a frame, pixels.
        height: Of a frame, pixels.
        fps: Pictures per second of sound.
        character: One of `CHARACTERS`.
        seed: Of blinks, glances and movements.
    """

    def __init__(
        self,
        width: int = 512,
        height: int = 512,
        fps: float = 25.0,
        character: str = "ada",
        seed: int = 0,
    ) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.audio = AudioFormat(RATE_HZ)
        self.lookahead_s = LOOKAHEAD_S + CONTEXT_S
        self._tracker = Tracker()
        self._lips = Lips(1 / fps)
        self._motion = Motion(seed, 1 / fps)
        self._drawing = Drawing(width, height, character)
        self._heard = self._shown = 0
        self._poses: deque[Pose] = deque(maxlen=KEPT)
        self._left: Pose | None = None
        self._ease = math.exp(-1 / fps / EASE_S)
        self._apart = 0.0

    def lookahead(self, ahead: bytes) -> None:
        """Take in the sound that follows."""
        self._tracker.feed(ahead[max(0, self._heard - self._shown) :])
        self._heard = max(self._heard, self._shown + len(ahead))

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """One frame for the stretch, none for an empty one."""
        pose = self._spoken(chunk, last)
        return [] if pose is None else [self._video_frame(pose)]

    def skip(self, chunk: bytes, last: bool) -> None:
        """Move on without drawing."""
        self._spoken(chunk, last)

    def idle(self) -> VideoFrame:
        """A face that listens."""
        return self._video_frame(self._motion.step(self._lips.rest(), None))

    def discard(self, count: int) -> None:
        """Go on from the frame that was seen, not from those drawn ahead of it."""
        if 0 < count < len(self._poses):
            self._left, self._apart = self._poses[-1 - count], 1.0

    def reset(self) -> None:
        """Somebody cut in."""
        self._forget()
        self._motion.startle()

    def _spoken(self, chunk: bytes, last: bool) -> Pose | None:
        self.lookahead(chunk)
        pose = None
        if chunk:
            middle_s = self.audio.duration_s(self._shown + len(chunk) // 2)
            target, loudness = shape(self._tracker, middle_s)
            pose = self._motion.step(self._lips.follow(target), loudness)
        self._shown += len(chunk)
        if last:
            self._forget()
        return pose

    def _forget(self) -> None:
        self._tracker.reset()
        self._heard = self._shown = 0

    def _video_frame(self, pose: Pose) -> VideoFrame:
        if self._left is not None:
            self._apart *= self._ease
            pose = between(pose, self._left, self._apart)
            self._left = self._left if self._apart > ENOUGH else None
        self._poses.append(pose)
        pixels = self._drawing.draw(pose)
        return VideoFrame(self.width, self.height, pixels.tobytes())


class Drawing:
    """One character in one size.

    Args:
        width: Of the frame, pixels.
        height: Of the frame, pixels.
        character: One of `CHARACTERS`.
    """

    def __init__(self, width: int, height: int, character: str) -> None:
        self._character = who = CHARACTERS[character]
        self._width, self._height = width, height
        self._pixels, self._surface = bake.surface(width, height)
        self._wall, behind = bake.surface(width, height)
        bake.wall(behind.getCanvas(), who, width, height)
        behind.flushAndSubmit()
        rest = View(width, height, Pose(0, 0, 0, 0, 0, 0, 0, 0, 0, Mouth()))
        self._unit, self._origin = rest.scale, rest.origin
        self._body = _body(who, rest)
        scale = rest.scale
        self._back = bake.texture(lambda canvas: hair.back_hair(canvas, who), scale, at_depth(-30))
        self._skin = bake.texture(lambda canvas: bake.skin(canvas, who), scale, of_face)
        self._front = bake.texture(
            lambda canvas: hair.front_hair(canvas, who), scale, before_face(6.0)
        )
        self._worn = bake.texture(bake.glasses, scale, before_face(14.0)) if who.glasses else None

    def draw(self, pose: Pose) -> Image:
        """The frame of a pose; the pixels are overwritten by the next."""
        view, who = View(self._width, self._height, pose), self._character
        np.copyto(self._pixels, self._wall)
        canvas = self._surface.getCanvas()
        _blit(canvas, *self._back.bent(view))
        live.neck(canvas, view, who)
        body, down = self._body
        _blit(canvas, body, 0, down + 1.6 * view.scale * (1.0 - pose.breath))
        _blit(canvas, *self._skin.bent(view))
        for side in (-1, 1):
            live.eye(canvas, view, who, side)
        live.mouth(canvas, view, who)
        _blit(canvas, *self._front.bent(view))
        for side in (-1, 1):
            live.brow(canvas, view, who, side)
        if self._worn is not None:
            _blit(canvas, *self._worn.bent(view))
        self._surface.flushAndSubmit()
        return self._pixels


def _body(who: Any, view: View) -> tuple[Image, int]:
    """The shoulders, and the row where they begin."""
    pixels, drawn = bake.surface(view.width, view.height + 8)
    canvas = drawn.getCanvas()
    canvas.translate(*view.origin)
    canvas.scale(1.1 * view.scale, view.scale)
    canvas.translate(0, live.COLLAR_UP)
    bake.body(canvas, who)
    drawn.flushAndSubmit()
    first = int(np.flatnonzero(pixels[..., 3].any(axis=1))[0])
    return pixels[first:], first


def _blit(canvas: Any, pixels: Image, right: float, down: float) -> None:
    image = skia.Image.fromarray(
        pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType, copy=False
    )
    canvas.drawImage(image, right, down)
