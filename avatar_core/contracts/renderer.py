"""The renderer of an avatar worker: draws video frames from audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One RGBA image.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        rgba: `width * height * 4` bytes, row by row from the top.
    """

    width: int
    height: int
    rgba: bytes | bytearray | memoryview


class Renderer(ABC):
    """Draws the video frames of speech; has no clock, queue or task of its own.

    The worker calls its methods one at a time, possibly in another thread.

    Attributes:
        width: Width of every frame in pixels.
        height: Height of every frame in pixels.
        fps: Frames per second.
        audio: The audio format that `render` takes.
        lookahead_s: Seconds of audio after a frame's own that the frame depends on.
    """

    width: int
    height: int
    fps: float
    audio: AudioFormat
    lookahead_s: float = 0.0

    def lookahead(self, pcm: bytes) -> None:
        """Take the audio that is known before a `render`; called only if `lookahead_s` > 0.

        Args:
            pcm: PCM in `audio`: the chunk of the next `render` and up to `lookahead_s` after
                it; less where the speech ends or has not arrived yet.
        """
        return

    def skip(self, chunk: bytes, last: bool) -> None:
        """Take a chunk whose frames would be too late; called instead of `render`.

        Args:
            chunk: PCM as `render` takes it.
            last: Whether the speech ends with this chunk.
        """
        return

    @abstractmethod
    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw the frames of the next chunk of speech.

        Args:
            chunk: PCM in `audio`, exactly 1/fps seconds; may be shorter if `last` is set.
            last: Whether the speech ends with this chunk.

        Returns:
            One frame for each 1/fps seconds of the chunk.
        """

    @abstractmethod
    def idle(self) -> VideoFrame:
        """Return the next frame of a silent avatar; called `fps` times a second."""

    def discard(self, count: int) -> None:
        """Note that the latest frames will not be shown; called before `reset`.

        Args:
            count: Number of frames that were drawn and will not be shown.
        """
        return

    @abstractmethod
    def reset(self) -> None:
        """Forget the current speech, because it was cut."""

    def close(self) -> None:
        """Free all resources."""
        return
