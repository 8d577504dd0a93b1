"""A face that says in a corner of its frames whether they belong to speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from avatar_provider_local.face.renderer import FaceRenderer

from avatar_core import VideoFrame

SIDE = 32
"""Of the corner, pixels."""


class MarkedFace(FaceRenderer):
    """White where it speaks, black where it listens."""

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        return [_marked(video_frame, 255) for video_frame in super().render(chunk, last)]

    def idle(self) -> VideoFrame:
        return _marked(super().idle(), 0)


def _marked(video_frame: VideoFrame, level: int) -> VideoFrame:
    shape = (video_frame.height, video_frame.width, 4)
    pixels = np.frombuffer(video_frame.rgba, np.uint8).reshape(shape).copy()
    pixels[:SIDE, :SIDE, :3] = level
    return VideoFrame(video_frame.width, video_frame.height, pixels.tobytes())
