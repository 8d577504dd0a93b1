"""Draws speech with a renderer under test as a worker does, and measures the frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.testing.suites.check import CheckFailed
from avatar_core.worker.renderers import load_renderer

if TYPE_CHECKING:
    from avatar_core.testing.suites.renderer_suite import RendererSuite

VOICE_HZ, FORMANTS_HZ, FORMANT_WIDTH_HZ = 140.0, (750.0, 1250.0), 220.0
"""The pitch and the formants of an open vowel."""
LOUD_RMS = 0.25
"""Root mean square of the loud sound, as a fraction of full scale."""
BLOCK = 8
"""Width and height in pixels of the blocks whose brightness is compared."""
LEAST_REACTION = 6.0
"""Brightness, from 0 to 255, by which loud sound must move at least one block of the image."""
STEADY_S = 0.3
"""Seconds after which a frame shows the effect of a constant sound."""

Floats = npt.NDArray[np.float64]


def make_vowel(duration_s: float, format: AudioFormat, *, rms: float = LOUD_RMS) -> bytes:
    """Return an open vowel of constant loudness.

    Args:
        duration_s: Seconds of audio.
        format: The format of the audio.
        rms: The root mean square, as a fraction of full scale; 0.0 is silence.

    Returns:
        PCM in `format`: int16, little-endian, interleaved.
    """
    at_s = np.arange(round(duration_s * format.rate_hz)) / format.rate_hz
    sound = np.zeros_like(at_s)
    for harmonic in range(1, int(3500 / VOICE_HZ)):
        hz = harmonic * VOICE_HZ
        weight = 0.1 / harmonic + sum(
            float(np.exp(-(((hz - formant) / FORMANT_WIDTH_HZ) ** 2))) for formant in FORMANTS_HZ
        )
        sound += weight * np.sin(2 * np.pi * hz * at_s + harmonic)
    level = float(np.sqrt(np.mean(sound**2))) if sound.size else 0.0
    samples = np.clip(sound * (rms / level if level else 0.0), -1, 1) * 32767
    return np.repeat(np.rint(samples).astype("<i2"), format.channels).tobytes()


def create(suite: RendererSuite, options: Mapping[str, Any] | None = None) -> Renderer:
    """Create a renderer.

    Args:
        suite: The suite, which names the class and its options.
        options: Other options; None for those of the suite.

    Returns:
        The renderer.

    Raises:
        AvatarError: The renderer cannot be created.
    """
    return load_renderer(suite.renderer, suite.renderer_options if options is None else options)


def split(renderer: Renderer, pcm: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Split speech into the arguments of a worker's calls.

    Args:
        renderer: The renderer.
        pcm: The speech in the format of the renderer.

    Yields:
        The audio of `lookahead`, the chunk of `render`, and whether the chunk is the last.
    """
    size = renderer.audio.size(1 / renderer.fps)
    ahead = renderer.audio.size(renderer.lookahead_s)
    for at in range(0, len(pcm), size):
        yield pcm[at : at + size + ahead], pcm[at : at + size], at + size >= len(pcm)


def speak(renderer: Renderer, pcm: bytes, *, ends: bool = True) -> list[VideoFrame]:
    """Draw the frames of a speech.

    Args:
        renderer: The renderer.
        pcm: The speech in the format of the renderer.
        ends: Whether the speech ends with `pcm`.

    Returns:
        The frames.
    """
    frames: list[VideoFrame] = []
    for ahead, chunk, last in split(renderer, pcm):
        if renderer.lookahead_s:
            renderer.lookahead(ahead)
        frames += renderer.render(chunk, last and ends)
    return frames


def rest(renderer: Renderer, duration_s: float) -> list[VideoFrame]:
    """Draw the frames of a silent avatar.

    Args:
        renderer: The renderer.
        duration_s: Seconds of video.

    Returns:
        The frames.
    """
    return [renderer.idle() for _ in range(round(duration_s * renderer.fps))]


def check_frame(renderer: Renderer, frame: object) -> None:
    """Check the type, the size and the length of a frame.

    Args:
        renderer: The renderer that drew the frame.
        frame: The frame.

    Raises:
        CheckFailed: The frame is not a `VideoFrame` of the declared size.
    """
    if not isinstance(frame, VideoFrame):
        raise CheckFailed(
            f"The renderer returned {type(frame).__name__} in place of a VideoFrame.",
            "Return VideoFrame(width, height, rgba).",
        )
    if (frame.width, frame.height) != (renderer.width, renderer.height):
        raise CheckFailed(
            f"A frame has {frame.width} x {frame.height} pixels, but the renderer declares "
            f"{renderer.width} x {renderer.height}.",
            "Draw each frame in the declared size, or set width and height before the first one.",
        )
    length = memoryview(frame.rgba).nbytes
    if length != frame.width * frame.height * 4:
        raise CheckFailed(
            f"A frame of {frame.width} x {frame.height} pixels has {length} bytes.",
            "Return RGBA: 4 bytes for each pixel, row by row.",
        )


def brightness(frames: Sequence[VideoFrame]) -> Floats:
    """Return the mean brightness of the blocks of some frames.

    Args:
        frames: At least one frame.

    Returns:
        Brightness from 0 to 255, float64 of shape (rows, columns).
    """
    sums: Floats | None = None
    for frame in frames:
        pixels = np.frombuffer(frame.rgba, np.uint8).reshape(frame.height, frame.width, 4)
        rows, columns = frame.height // BLOCK * BLOCK, frame.width // BLOCK * BLOCK
        luma = pixels[:rows, :columns, :3].mean(axis=2)
        blocks = luma.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).mean(axis=(1, 3))
        sums = blocks if sums is None else sums + blocks
    assert sums is not None
    return sums / len(frames)


class Reaction:
    """The effect of loud sound on the image: the blocks whose brightness moves most.

    Args:
        renderer: A new renderer. The constructor draws 2 s of rest and 1 s of speech.

    Attributes:
        size: Brightness by which loud sound moves one block.
        wander: Brightness by which one block moves without speech.

    Raises:
        CheckFailed: The image does not react to loud sound.
    """

    def __init__(self, renderer: Renderer) -> None:
        silent = brightness(rest(renderer, 1.0))
        later = brightness(rest(renderer, 1.0))
        frames = speak(renderer, make_vowel(1.0, renderer.audio))
        steady = frames[round(STEADY_S * renderer.fps) :]
        if not steady:
            raise CheckFailed(
                f"The renderer returned {len(frames)} frames for 1 s of speech.",
                "Return one frame for each chunk.",
            )
        loud = brightness(steady)
        moved = loud - silent
        self.size = float(np.abs(moved).max())
        self.wander = float(np.abs(later - silent).max())
        self._silent = silent
        self._moved = np.where(np.abs(moved) >= self.size / 2, moved, 0.0)

    def measure(self, frames: Sequence[VideoFrame]) -> float:
        """Return how much frames look like speech.

        Args:
            frames: At least one frame.

        Returns:
            0.0 for the image of a silent avatar, 1.0 for that of loud speech.
        """
        difference = brightness(frames) - self._silent
        return float((difference * self._moved).sum() / max(1e-9, (self._moved**2).sum()))

    def check(self) -> None:
        """Check that the image reacts to loud sound.

        Raises:
            CheckFailed: The image is the same for loud sound and silence.
        """
        if self.size < LEAST_REACTION or self.size < 1.5 * self.wander:
            raise CheckFailed(
                f"Loud speech moves the brightness of the image by only {self.size:.1f} of 255, "
                f"and the silent avatar by {self.wander:.1f}.",
                "Draw the mouth, or another part of the image, from the audio of each chunk.",
            )
