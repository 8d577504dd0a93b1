"""An mp4 file: H.264 and AAC through PyAV, written beside its place and renamed when complete."""

from __future__ import annotations

import os
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from livekit import rtc

from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.renderer import VideoFrame

RATE_HZ = 48_000
FPS = 25
VIDEO, AUDIO = "libx264", "aac"
CRF, PRESET = "20", "veryfast"
CLOCK_HZ = 90_000
BT_601, LIMITED = 6, 1  # as libwebrtc and swscale make YUV, in FFmpeg's numbers

AnyPicture = VideoFrame | rtc.VideoFrame
Image = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.int16]


class Film:
    """Takes pictures and sound at their times, each in order, and becomes a file.

    Args:
        path: Where the file will be; what is there is replaced once this one is complete.

    Attributes:
        size: Width and height, pixels; None before `begin`.

    Raises:
        ConfigError: No file can be written there, or there is no encoder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._av = _library()
        self._beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        if path.suffix.lower() != ".mp4" or path.is_dir():
            raise ConfigError(f"{path} cannot be an mp4 file.", hint="Name it like talk.mp4.")
        try:
            self._beside.open("wb").close()
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written ({error.strerror}).",
                hint="Choose a folder that exists and is yours.",
            ) from error
        self._container: Any = None
        self.size: tuple[int, int] | None = None
        self._shown = -1

    def begin(self, width: int, height: int) -> None:
        """Fix the size of the picture, rounded down to even numbers."""
        self.size = width, height = width // 2 * 2, height // 2 * 2
        options = {"movflags": "faststart"}
        self._container = self._av.open(str(self._beside), "w", format="mp4", options=options)
        self._video = self._container.add_stream(VIDEO, rate=FPS)
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, CLOCK_HZ)
        context.colorspace, context.color_range = BT_601, LIMITED
        context.thread_count = 1  # the demo needs the other cores
        context.options = {"crf": CRF, "preset": PRESET, "g": str(2 * FPS)}
        self._audio = self._container.add_stream(AUDIO, rate=RATE_HZ, layout="mono")
        self._heard = 0

    def show(self, at_s: float, picture: AnyPicture) -> None:
        """From that time on this is seen, until the next."""
        stamp = max(round(at_s * CLOCK_HZ), self._shown + 1)
        frame = self._fitted(self._frame_of(picture))
        frame.pts, frame.time_base = stamp, Fraction(1, CLOCK_HZ)
        self._shown = stamp
        self._container.mux(self._video.encode(frame))

    def sound(self, samples: Samples) -> None:
        """What is heard next, mono at `RATE_HZ`."""
        if samples.size:
            frame = self._av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
            frame.pts = self._heard
            self._heard += samples.size
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Complete the file and put it in its place."""
        for stream in (self._video, self._audio):
            self._container.mux(stream.encode(None))
        self._container.close()
        self._beside.replace(self.path)

    def discard(self) -> None:
        """There will be no file."""
        self._beside.unlink(missing_ok=True)

    def _frame_of(self, picture: AnyPicture) -> Any:
        width, height = picture.width, picture.height
        if isinstance(picture, rtc.VideoFrame):
            if not (width % 2 or height % 2):
                planes: Image = np.frombuffer(picture.data, np.uint8)
                return self._av.VideoFrame.from_ndarray(
                    planes[: width * height * 3 // 2].reshape(-1, width), "yuv420p"
                )
            data: Any = picture.convert(rtc.VideoBufferType.RGBA).data
        else:
            data = picture.rgba
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 4)
        return self._av.VideoFrame.from_ndarray(pixels, "rgba")

    def _fitted(self, frame: Any) -> Any:
        """In the format and size of the film; one of another shape between black bars."""
        assert self.size is not None
        width, height = self.size
        scale = min(width / frame.width, height / frame.height)
        inner = [max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height)]
        if inner[0] >= width - 2 and inner[1] >= height - 2:
            return frame.reformat(width, height, "yuv420p")
        small = frame.reformat(*inner, "rgba").to_ndarray()
        whole = np.zeros((height, width, 4), np.uint8)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        whole[top : top + inner[1], left : left + inner[0]] = small
        return self._av.VideoFrame.from_ndarray(whole, "rgba").reformat(format="yuv420p")


def failed(path: Path, error: Exception) -> AvatarError:
    """What to tell of a film that could not be completed."""
    return AvatarError(
        f"{path} could not be recorded ({type(error).__name__}: {error}).",
        hint="See whether the disk is full, and record again.",
    )


def _library() -> Any:
    try:
        av = import_module("av")
    except ImportError as error:
        raise ConfigError(
            "nothing can be recorded without PyAV.",
            hint="Install it with: pip install 'avatar-core[demo]' (or: pip install av).",
        ) from error
    for name in (VIDEO, AUDIO):
        try:
            av.codec.Codec(name, "w")
        except Exception as error:
            raise ConfigError(
                f"PyAV has no encoder {name} here.",
                hint="Install its own wheel, which has it: pip install --force-reinstall av.",
            ) from error
    return av
