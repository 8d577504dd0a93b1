"""The interface of published tracks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame

QUEUE_S = 0.16
"""Seconds of audio that the queue of a published track holds. An empty queue makes the audio
stutter. Its length does not delay an interruption, because a cut clears it."""


class AudioTrack(ABC):
    """A published audio track and the queue in front of it, which holds `QUEUE_S` of audio.

    Attributes:
        format: The format that `capture` takes.
    """

    format: AudioFormat

    @abstractmethod
    async def capture(self, pcm: bytes) -> None:
        """Queue audio; wait while the queue is full.

        Args:
            pcm: PCM in `format`, a multiple of 10 ms.
        """

    @property
    @abstractmethod
    def queued_s(self) -> float:
        """Seconds of captured audio that are still in the queue."""

    @abstractmethod
    def clear(self) -> None:
        """Drop the audio in the queue."""

    @abstractmethod
    async def wait_for_subscription(self) -> None:
        """Wait until a participant has subscribed to the track."""

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish the track; idempotent."""


class VideoTrack(ABC):
    """A published video track."""

    @abstractmethod
    def capture(self, frame: VideoFrame) -> None:
        """Show a frame now.

        Args:
            frame: An RGBA frame of the size that the track was published with.
        """

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish the track; idempotent."""
