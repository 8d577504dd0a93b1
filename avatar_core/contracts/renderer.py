"""The interface of a renderer, which draws the video frames of an avatar from audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One image in RGBA, 8 bits for each channel.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        rgba: The pixels, `width * height * 4` bytes, row by row from the top.
    """

    width: int
    height: int
    rgba: bytes | bytearray | memoryview


class Renderer(ABC):
    """The interface of a renderer, which draws the video frames of an avatar.

    An avatar worker creates the renderer, and calls one method at a time. The calls may come from a
    thread other than that of the event loop. A renderer needs no clock, queue or task.

    Attributes:
        width: Width of every frame in pixels.
        height: Height of every frame in pixels.
        fps: Frames per second.
        audio: The audio format that `render` takes.
        lookahead_s: Seconds of audio after the end of a frame that the frame depends on.
    """

    width: int
    height: int
    fps: float
    audio: AudioFormat
    lookahead_s: float = 0.0

    def lookahead(self, pcm: bytes) -> None:
        """Receive the audio of the next call of `render`, and the audio after it.

        The worker calls this method only if `lookahead_s` is greater than 0.

        Args:
            pcm: PCM in the format `audio`: the chunk of the next `render`, and the audio that
                follows, up to `lookahead_s` seconds. Less audio follows if the speech ends or has
                not arrived yet.
        """
        return

    def skip(self, chunk: bytes, last: bool) -> None:
        """Receive a chunk of speech whose frames would be too late.

        The worker calls this method in place of `render`.

        Args:
            chunk: PCM in the format `audio`, 1/fps seconds; the last chunk may be shorter.
            last: Whether the speech ends with this chunk.
        """
        return

    @abstractmethod
    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw the frames of the next chunk of speech.

        Args:
            chunk: PCM in the format `audio`, 1/fps seconds; the last chunk may be shorter.
            last: Whether the speech ends with this chunk.

        Returns:
            One frame for each 1/fps seconds of the chunk.
        """

    @abstractmethod
    def idle(self) -> VideoFrame:
        """Draw the next frame of a silent avatar.

        The worker calls this method `fps` times a second while the avatar does not speak.

        Returns:
            The frame.
        """

    def discard(self, count: int) -> None:
        """Record that the worker will not show the latest frames.

        The worker calls this method before `reset`.

        Args:
            count: Number of the latest frames that the worker will not show.
        """
        return

    @abstractmethod
    def reset(self) -> None:
        """Drop the current speech, because it was interrupted."""

    def close(self) -> None:
        """Free all resources of the renderer."""
        return
