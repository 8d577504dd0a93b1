"""Writes an mp4 file with H.264 video and AAC audio, using PyAV."""

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
BT_601, LIMITED = 6, 1  # FFmpeg's numbers for the colours that libwebrtc and swscale produce

AnyVideoFrame = VideoFrame | rtc.VideoFrame
Image = npt.NDArray[np.uint8]
Samples = npt.NDArray[np.int16]


class Mp4Writer:
    """A writer of an mp4 file; callers add video frames and audio, each in order of time.

    The writer creates a temporary file in the same folder, and moves the complete file to `path`.
    Call `start` before the first frame, and `finish` or `discard` at the end.

    Args:
        path: Path of the file.

    Attributes:
        path: Path of the file.
        size: Width and height in pixels; None before `start`.

    Raises:
        ConfigError: The path does not end in .mp4, its folder cannot be written, PyAV is not
            installed, or PyAV has no encoder for H.264 or AAC.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._av = _load_pyav()
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        if path.suffix.lower() != ".mp4" or path.is_dir():
            raise ConfigError(
                f"{path} is not a valid name for an mp4 file.",
                hint="Choose a name that ends in .mp4, such as talk.mp4.",
            )
        try:
            self._temporary.open("wb").close()
        except OSError as error:
            raise ConfigError(
                f"The file {path} cannot be written ({error.strerror}).",
                hint="Choose a folder that exists and that you can write to.",
            ) from error
        self._container: Any = None
        self.size: tuple[int, int] | None = None
        self._last_stamp = -1

    def start(self, width: int, height: int) -> None:
        """Open the file, and add a video stream and an audio stream.

        Args:
            width: Width in pixels, rounded down to an even number.
            height: Height in pixels, rounded down to an even number.
        """
        self.size = width, height = width // 2 * 2, height // 2 * 2
        options = {"movflags": "faststart"}
        self._container = self._av.open(str(self._temporary), "w", format="mp4", options=options)
        self._video = self._container.add_stream(VIDEO, rate=FPS)
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, CLOCK_HZ)
        context.colorspace, context.color_range = BT_601, LIMITED
        context.thread_count = 1  # the demo needs the other cores
        context.options = {"crf": CRF, "preset": PRESET, "g": str(2 * FPS)}
        self._audio = self._container.add_stream(AUDIO, rate=RATE_HZ, layout="mono")
        self._samples = 0

    def add_video(self, at_s: float, video_frame: AnyVideoFrame) -> None:
        """Add a video frame, which players show until the next frame.

        Args:
            at_s: Time of the frame in seconds from the start of the file.
            video_frame: An RGBA frame of a renderer, or any frame of livekit.rtc. The writer
                scales a frame of another size, with black bars at its sides if necessary.

        Raises:
            ValueError: The data of the frame does not match its size.
        """
        stamp = max(round(at_s * CLOCK_HZ), self._last_stamp + 1)
        frame = self._fit(self._convert(video_frame))
        frame.pts, frame.time_base = stamp, Fraction(1, CLOCK_HZ)
        self._last_stamp = stamp
        self._container.mux(self._video.encode(frame))

    def add_audio(self, samples: Samples) -> None:
        """Append audio.

        Args:
            samples: int16 samples, mono, at `RATE_HZ`.
        """
        if samples.size:
            frame = self._av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
            frame.pts = self._samples
            self._samples += samples.size
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Complete the file and move it to `path`.

        Raises:
            OSError: The file cannot be written.
        """
        for stream in (self._video, self._audio):
            self._container.mux(stream.encode(None))
        self._container.close()
        self._temporary.replace(self.path)

    def discard(self) -> None:
        """Delete the temporary file."""
        self._temporary.unlink(missing_ok=True)

    def _convert(self, video_frame: AnyVideoFrame) -> Any:
        width, height = video_frame.width, video_frame.height
        if isinstance(video_frame, rtc.VideoFrame):
            if not (width % 2 or height % 2):
                planes: Image = np.frombuffer(video_frame.data, np.uint8)
                return self._av.VideoFrame.from_ndarray(
                    planes[: width * height * 3 // 2].reshape(-1, width), "yuv420p"
                )
            data: Any = video_frame.convert(rtc.VideoBufferType.RGBA).data
        else:
            data = video_frame.rgba
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 4)
        return self._av.VideoFrame.from_ndarray(pixels, "rgba")

    def _fit(self, frame: Any) -> Any:
        """Convert a frame to the size of the file, with black bars if its shape differs."""
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


def recording_error(path: Path, error: Exception) -> AvatarError:
    """Create the error for an incomplete recording.

    Args:
        path: Path of the file.
        error: The exception that stopped the recording.

    Returns:
        The error to raise.
    """
    return AvatarError(
        f"The demo could not record {path} ({type(error).__name__}: {error}).",
        hint="Check that the disk is not full, then record again.",
    )


def _load_pyav() -> Any:
    try:
        av = import_module("av")
    except ImportError as error:
        raise ConfigError(
            "Recording needs PyAV, which is not installed.", hint="Run: pip install av"
        ) from error
    for name in (VIDEO, AUDIO):
        try:
            av.codec.Codec(name, "w")
        except Exception as error:
            raise ConfigError(
                f"The installed build of PyAV does not contain the encoder {name}.",
                hint="Install the PyAV wheel, which contains the encoder: pip install "
                "--force-reinstall av",
            ) from error
    return av
