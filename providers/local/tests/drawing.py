"""Measures the mouth in a drawn frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
from avatar_demo.speech import SpokenText

from avatar_core import Renderer, VideoFrame

Pixels = npt.NDArray[np.uint8]

MOUTH = (slice(0.56, 0.8), slice(0.405, 0.595))
"""Where it may be, as shares of height and width."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A mouth, in shares of the frame's area.

    Attributes:
        open: Of what shows between the lips: teeth, and the dark behind them.
        lips: Of the lips.
    """

    open: float
    lips: float


def pixels(video_frame: VideoFrame) -> Pixels:
    """Height by width by RGBA."""
    return np.frombuffer(video_frame.rgba, np.uint8).reshape(
        video_frame.height, video_frame.width, 4
    )


def seen(video_frame: VideoFrame) -> Seen:
    """Measure the mouth of `ada`, whose colours these are."""
    height, width = video_frame.height, video_frame.width
    rows = slice(round(MOUTH[0].start * height), round(MOUTH[0].stop * height))
    columns = slice(round(MOUTH[1].start * width), round(MOUTH[1].stop * width))
    region = pixels(video_frame)[rows, columns, :3].astype(int)
    red, green, blue = region[..., 0], region[..., 1], region[..., 2]
    dark = (red < 110) & (green < 60)
    teeth = (red > 215) & (green > 205) & (blue > 190)
    lips = ~dark & ~teeth & (red > 130) & (red - green > 72) & (blue > 60)
    area = height * width
    return Seen(float((dark | teeth).sum()) / area, float(lips.sum()) / area)


def at_rate(spoken: SpokenText, rate_hz: int) -> bytes:
    """Its sound at another rate."""
    samples = np.frombuffer(spoken.pcm, "<i2").astype(np.float32)
    resampled = soxr.resample(samples, spoken.rate_hz, rate_hz)
    return np.clip(resampled, -32768, 32767).astype("<i2").tobytes()


def shown(renderer: Renderer, pcm: bytes) -> list[VideoFrame]:
    """Pictures of a speech, drawn as the worker has them drawn."""
    size = renderer.audio.size(1 / renderer.fps)
    ahead = renderer.audio.size(renderer.lookahead_s)
    video_frames: list[VideoFrame] = []
    for at in range(0, len(pcm), size):
        chunk = pcm[at : at + size]
        renderer.lookahead(pcm[at : at + size + ahead])
        video_frames += renderer.render(chunk, at + size >= len(pcm))
    return video_frames
