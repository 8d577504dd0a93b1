"""The renderer: a ball whose size and brightness follow the level of the speech.

While nobody speaks, the radius grows and shrinks slowly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from avatar_core import AudioFormat, Renderer, VideoFrame

FPS = 25.0
LOUD_RMS = 0.2
"""RMS level, as a share of full scale, at which the ball has its largest size."""
RISES, FALLS = 0.7, 0.25
"""Share of the distance to the new size that the ball covers in one frame, up and down."""
BREATH_S = 4.0
"""Seconds from one breath to the next."""
GROUND = np.array((13, 17, 23), np.float32)
"""Background colour: red, green and blue, each 0 to 255."""


class OrbRenderer(Renderer):
    """A renderer that draws the ball with numpy only.

    Args:
        size: Width and height of a frame, in pixels.
        colour: Colour of the ball as `#rrggbb`.

    Attributes:
        audio: Format of the audio: int16, mono, at 24000 Hz.
    """

    def __init__(self, size: int, colour: str) -> None:
        self.width = self.height = size
        self.fps = FPS
        self.audio = AudioFormat(24_000)
        self._colour = np.array(list(bytes.fromhex(colour[1:])), np.float32)
        x = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
        self._distance = np.hypot(x, x[:, None])  # of each pixel from the middle, 1 at the edge
        self._energy = 0.0
        self._count = 0

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw the ball for a chunk of speech.

        Args:
            chunk: PCM, int16, mono, at 24000 Hz: 1/fps seconds, or less at the end of a speech.
            last: Whether the speech ends with this chunk; not used.

        Returns:
            One RGBA frame; none if the chunk is empty.
        """
        return [self._draw(_rms(chunk) / LOUD_RMS)] if chunk else []

    def idle(self) -> VideoFrame:
        """Draw the next frame of silence, in which the ball shrinks to its rest size.

        Returns:
            An RGBA frame.
        """
        return self._draw(0.0)

    def reset(self) -> None:
        """Do nothing: the following `idle` frames shrink the ball to its rest size."""

    def _draw(self, energy: float) -> VideoFrame:
        step = RISES if energy > self._energy else FALLS
        self._energy += step * (min(1.0, energy) - self._energy)
        breath = math.sin(2 * math.pi * self._count / FPS / BREATH_S)
        self._count += 1
        radius = 0.32 + 0.02 * breath + 0.28 * self._energy
        body = np.clip((radius - self._distance) * self.width / 2, 0, 1)
        glow = np.exp(-np.maximum(self._distance - radius, 0) * (9 - 4 * self._energy))
        light = (0.75 + 0.25 * self._energy) * np.maximum(body, 0.5 * glow)
        pixels: npt.NDArray[np.uint8] = np.full((self.height, self.width, 4), 255, np.uint8)
        pixels[..., :3] = GROUND + light[..., None] * (self._colour - GROUND)
        return VideoFrame(self.width, self.height, pixels.reshape(-1).data)


def _rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    return float(np.sqrt(np.mean(samples**2)))
