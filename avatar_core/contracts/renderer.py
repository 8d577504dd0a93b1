"""Pictures for sound: the one thing that differs between two avatar workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One RGBA image, `width * height * 4` bytes."""

    width: int
    height: int
    rgba: bytes | bytearray | memoryview


class Renderer(ABC):
    """Draws what is seen while sound is heard. It has no clock, queue, segment or task.

    Attributes:
        width, height: Size of every picture, pixels.
        fps: Pictures per second of sound.
        audio: The format `render` wants.
        lookahead_s: How far beyond its own stretch a picture depends on the sound.
    """

    width: int
    height: int
    fps: float
    audio: AudioFormat
    lookahead_s: float = 0.0

    def lookahead(self, sound: bytes) -> None:
        """Called before each `render` by who has a `lookahead_s`, with what is known by then.

        Args:
            sound: The stretch of that `render` and up to `lookahead_s` after it; less where
                it ends, or has not arrived.
        """
        return

    def skip(self, chunk: bytes, last: bool) -> None:
        """In place of a `render` whose picture would be too late to be seen."""
        return

    @abstractmethod
    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Pictures for the next stretch of sound, one for each 1/fps of it.

        Args:
            chunk: Exactly 1/fps seconds of PCM in `self.audio`; less where `last` is set.
            last: The sound ends with this chunk.
        """

    @abstractmethod
    def idle(self) -> VideoFrame:
        """The next picture while nobody speaks, asked for `fps` times a second."""

    def discard(self, count: int) -> None:
        """Called before `reset`: so many of the latest pictures, drawn ahead, are never seen."""
        return

    @abstractmethod
    def reset(self) -> None:
        """The sound was cut: forget what was begun."""

    def close(self) -> None:
        """Free what it holds."""
        return
