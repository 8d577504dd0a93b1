"""A renderer for measurements: its face is bright only while the audio is loud."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame

LOUD_RMS = 0.02
"""Root mean square from which audio counts as loud, as a fraction of full scale (-34 dBFS)."""
WIDE_OPEN_RMS = 0.25
"""Root mean square from which the mouth is fully open, as a fraction of full scale."""
MOUTHS = 6
"""Number of mouth shapes, from closed to fully open."""
BLINK_EVERY_S, BLINK_S = 4.0, 0.16
BAR_PERIOD_S = 3.0
"""Time in which the bar at the lower edge crosses the frame."""

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_DARK: dict[str, Colour] = {
    "ground": (17, 20, 30),
    "face": (46, 58, 86),
    "ink": (150, 172, 214),
    "bar": (88, 110, 156),
}
_LIGHT: dict[str, Colour] = {
    "ground": (244, 246, 250),
    "face": (255, 226, 168),
    "ink": (58, 44, 52),
    "bar": (196, 160, 96),
}


class FlashRenderer(Renderer):
    """Draws a bright face while the audio is loud, and a dark face otherwise.

    A thin bar at the lower edge moves by one step per frame, so that two consecutive frames always
    differ and a test can recognise a frozen track.

    Args:
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        fps: Video frames per second.
        rate_hz: The sample rate in Hz of the mono audio that the renderer accepts.
        loud_rms: The root mean square, as a fraction of full scale, from which audio is loud.

    Attributes:
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        fps: Video frames per second.
        audio: The mono audio format that the renderer accepts.
    """

    def __init__(
        self,
        width: int = 512,
        height: int = 512,
        fps: float = 25.0,
        rate_hz: int = 24_000,
        *,
        loud_rms: float = LOUD_RMS,
    ) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.audio = AudioFormat(rate_hz)
        self._loud_rms = loud_rms
        self._count = 0
        for mouth in range(1, MOUTHS):  # fills the cache, so that no frame is drawn late
            _face(width, height, True, mouth, False)
        for blinks in (False, True):
            _face(width, height, False, 0, blinks)

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw one frame for a chunk of audio, and no frame for an empty chunk.

        Args:
            chunk: Mono int16 PCM in the format `audio`.
            last: Whether the speech ends with the chunk; this renderer ignores the argument.

        Returns:
            One RGBA frame, or an empty list.
        """
        if not chunk:
            return []
        rms = rms_of(chunk)
        if rms < self._loud_rms:
            return [self.idle()]
        opening = (rms - self._loud_rms) / (WIDE_OPEN_RMS - self._loud_rms)
        return [self._draw(light=True, mouth=1 + round(min(1.0, opening) * (MOUTHS - 2)))]

    def idle(self) -> VideoFrame:
        """Draw the next frame of a dark, silent face, which blinks every 4 s.

        Returns:
            An RGBA frame.
        """
        blinks = self._count / self.fps % BLINK_EVERY_S >= BLINK_EVERY_S - BLINK_S
        return self._draw(light=False, blinks=blinks)

    def reset(self) -> None:
        """Do nothing: the renderer keeps no state between two chunks."""

    def _draw(self, *, light: bool, mouth: int = 0, blinks: bool = False) -> VideoFrame:
        pixels = _face(self.width, self.height, light, mouth, blinks).copy()
        length, thickness = max(2, self.width // 8), max(2, self.height // 64)
        steps = max(2, round(BAR_PERIOD_S * self.fps))
        x = self._count % steps * (self.width - length) // (steps - 1)
        pixels[-3 * thickness : -2 * thickness, x : x + length, :3] = _palette(light)["bar"]
        self._count += 1
        return VideoFrame(self.width, self.height, pixels.reshape(-1).data)


def rms_of(pcm: bytes) -> float:
    """Return the root mean square of PCM.

    Args:
        pcm: Interleaved int16 PCM with any number of channels.

    Returns:
        The value as a fraction of full scale, 0 to 1; 0.0 for empty PCM.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return float(np.sqrt(np.mean(samples**2)) / 32768) if samples.size else 0.0


def _palette(light: bool) -> dict[str, Colour]:
    return _LIGHT if light else _DARK


@lru_cache(maxsize=32)
def _face(width: int, height: int, light: bool, mouth: int, blinks: bool) -> Image:
    """Return an image of the face without its bar, RGBA `(height, width, 4)`, read-only."""
    colours = _palette(light)
    pixels = np.empty((height, width, 4), np.uint8)
    pixels[:] = (*colours["ground"], 255)
    size = min(width, height)
    middle_x, middle_y = width / 2, height * 0.47
    _disc(pixels, middle_x, middle_y, size * 0.34, size * 0.34, colours["face"])
    eye_height = 0.008 if blinks else 0.042
    for side in (-1, 1):
        x, y = middle_x + side * size * 0.13, middle_y - size * 0.08
        _disc(pixels, x, y, size * 0.034, size * eye_height, colours["ink"])
    opening = 0.008 + 0.085 * mouth / (MOUTHS - 1)
    _disc(pixels, middle_x, middle_y + size * 0.14, size * 0.1, size * opening, colours["ink"])
    pixels.flags.writeable = False
    return pixels


def _disc(pixels: Image, x: float, y: float, radius_x: float, radius_y: float, ink: Colour) -> None:
    """Draw an ellipse with a soft edge of one pixel; all lengths are in pixels."""
    height, width = pixels.shape[:2]
    edge = 1 + 0.5 / min(radius_x, radius_y)  # outer end of the soft edge, relative to the radius
    top, left = (max(0, int(at - edge * r)) for at, r in ((y, radius_y), (x, radius_x)))
    bottom, right = (
        min(size, int(at + edge * r) + 1)
        for at, r, size in ((y, radius_y, height), (x, radius_x, width))
    )
    rows, columns = np.ogrid[top:bottom, left:right]
    distance = np.hypot((columns + 0.5 - x) / radius_x, (rows + 0.5 - y) / radius_y)
    cover = np.clip((1 - distance) * min(radius_x, radius_y) + 0.5, 0, 1)[..., None]
    part = pixels[top:bottom, left:right, :3]
    part[:] = np.rint(part * (1 - cover) + np.array(ink) * cover)
