"""A complete renderer, which draws a bar as high as the sound is loud; mutants alter it.

The renderer uses all of the interface: a lookahead, skipped chunks, discarded frames, a thread.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.testing.flash_renderer import rms_of
from avatar_core.testing.suites.renderer_suite import RendererSuite

LOUD_RMS = 0.3
KEPT = 16
SHARED = [0.0]
IMPORTED = sys.modules


class BarRenderer(Renderer):
    def __init__(
        self,
        width: int = 48,
        height: int = 32,
        fps: float = 25.0,
        colour: Sequence[int] = (255, 255, 255),
    ) -> None:
        self.width, self.height = width, height
        self.fps = fps
        self.audio = AudioFormat(16_000)
        self.lookahead_s = 0.08
        self._image = np.zeros((height, width, 4), np.uint8)
        self._colour = (*colour, 255)
        self._levels = [0.0]
        self._known = b""
        self._speaking = False
        self._thread_id = threading.get_ident()
        self._stop = threading.Event()
        threading.Thread(target=self._stop.wait, name="bar", daemon=True).start()

    def lookahead(self, pcm: bytes) -> None:
        self._known = pcm

    def skip(self, chunk: bytes, last: bool) -> None:
        self._hear(chunk)
        self._speaking = not last

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        self._speaking = not last
        if not chunk:
            return []
        self._hear(chunk)
        frame = self._draw()
        return [frame]

    def idle(self) -> VideoFrame:
        if not self._speaking:
            self._set(0.6 * self._levels[-1])
        return self._draw()

    def discard(self, count: int) -> None:
        if count < len(self._levels):
            self._set(self._levels[-1 - count])

    def reset(self) -> None:
        self._speaking = False
        self._known = b""

    def close(self) -> None:
        self._stop.set()

    def _hear(self, chunk: bytes) -> None:
        loudness = rms_of(chunk) if chunk else 0.0
        later = rms_of(self._known) if self._known else loudness
        self._known = b""
        self._set(0.3 * self._levels[-1] + 0.6 * loudness + 0.1 * later)

    def _set(self, level: float) -> None:
        self._levels.append(level)
        del self._levels[:-KEPT]

    def _draw(self) -> VideoFrame:
        rows = round(min(1.0, self._levels[-1] / LOUD_RMS) * self.height)
        self._image[:] = self._colour
        self._image[: self.height - rows, :, :3] = 20
        return VideoFrame(self.width, self.height, self._image.tobytes())


class BarSuite(RendererSuite):
    """The suite of the renderer; `__test__` hides it from pytest, which collects a subclass."""

    __test__ = False
    renderer = f"{__name__}:BarRenderer"
    variants = ({"width": 64, "height": 16, "fps": 12.5},)
    cpu_share = 0.05
