"""The renderer of the local provider, which draws a face whose lips follow the audio."""

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
"""Number of the latest poses that the renderer keeps for `discard`."""
EASE_S, ENOUGH = 0.06, 0.02
"""Time constant in seconds of the transition after a cut, and the share at which it ends."""


class FaceRenderer(Renderer):
    """A renderer that draws a face on the CPU, and moves its lips with the audio.

    The worker creates the renderer with the options of the provider. The same arguments and the
    same calls give the same frames.

    Args:
        width: Width of a frame in pixels.
        height: Height of a frame in pixels.
        fps: Frames per second.
        character: Name of the character, one of `CHARACTERS`.
        seed: Seed of the random blinks, glances and movements.

    Attributes:
        width: Width of a frame in pixels.
        height: Height of a frame in pixels.
        fps: Frames per second.
        audio: Format of the audio: int16, mono, at 24000 Hz.
        lookahead_s: Seconds of audio after a frame's own that the frame depends on: 0.1225.

    Raises:
        KeyError: There is no character of this name.
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
        """Take the audio that is known before the next `render`.

        Args:
            ahead: PCM, int16, mono, at 24000 Hz: the chunk of the next `render`, and the audio
                after that chunk. The renderer skips the audio that an earlier call contained.

        Raises:
            ValueError: The new audio has an odd number of bytes.
        """
        self._tracker.feed(ahead[max(0, self._heard - self._shown) :])
        self._heard = max(self._heard, self._shown + len(ahead))

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw the frame of the next chunk of speech.

        Args:
            chunk: PCM, int16, mono, at 24000 Hz: 1/fps seconds, or less at the end of a speech.
            last: Whether the speech ends with this chunk.

        Returns:
            One RGBA frame; none if the chunk is empty.

        Raises:
            ValueError: The chunk has an odd number of bytes.
        """
        pose = self._spoken(chunk, last)
        return [] if pose is None else [self._video_frame(pose)]

    def skip(self, chunk: bytes, last: bool) -> None:
        """Move the face for the next chunk of speech without drawing a frame.

        Args:
            chunk: PCM in the format and length of `render`.
            last: Whether the speech ends with this chunk.

        Raises:
            ValueError: The chunk has an odd number of bytes.
        """
        self._spoken(chunk, last)

    def idle(self) -> VideoFrame:
        """Draw the next frame without speech.

        Returns:
            An RGBA frame of a face that listens or is idle.
        """
        return self._video_frame(self._motion.step(self._lips.rest(), None))

    def discard(self, count: int) -> None:
        """Let the next frames continue from the last frame that was shown.

        Args:
            count: Number of the latest frames that will not be shown. The renderer ignores a count
                of 0, and a count for which it no longer keeps the last shown pose.
        """
        if 0 < count < len(self._poses):
            self._left, self._apart = self._poses[-1 - count], 1.0

    def reset(self) -> None:
        """Forget the current speech, and show that the user has interrupted."""
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
    """The drawing of one character in one frame size; `FaceRenderer` creates it.

    Args:
        width: Width of a frame in pixels.
        height: Height of a frame in pixels.
        character: Name of the character, one of `CHARACTERS`.

    Raises:
        KeyError: There is no character of this name.
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
        """Draw a video frame.

        Args:
            pose: The position of the head and the state of the face.

        Returns:
            RGBA pixels, uint8 of shape `(height, width, 4)`. The next call of
            `draw` overwrites these pixels.
        """
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
    """Draw the shoulders.

    Args:
        who: The character.
        view: A view with the size of the video frame.

    Returns:
        Premultiplied RGBA pixels, uint8 of shape `(rows, width, 4)`, without empty rows at the
        top, and the row of the frame at which these pixels start.
    """
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
