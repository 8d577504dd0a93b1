"""The interface of published tracks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame

QUEUE_S = 0.16
"""Seconds of audio that the queue of a published track holds. An empty queue makes the audio
stutter. A long queue does not delay an interruption, because an interruption clears the queue."""


class AudioTrack(ABC):
    """The interface of a published audio track with a queue in front of the track.

    The queue holds `QUEUE_S` seconds of audio. `RoomLink.publish_audio` creates the object.

    Attributes:
        format: The audio format that `capture` takes.
    """

    format: AudioFormat

    @abstractmethod
    async def capture(self, pcm: bytes) -> None:
        """Add audio to the queue, and wait while the queue is full.

        Args:
            pcm: PCM in the format `format`; its duration is a multiple of 10 ms.

        Raises:
            Exception: LiveKit did not accept the audio.
        """

    @property
    @abstractmethod
    def queued_s(self) -> float:
        """Seconds of audio that are in the queue now."""

    @abstractmethod
    def clear(self) -> None:
        """Drop the audio in the queue."""

    @abstractmethod
    async def wait_for_subscription(self) -> None:
        """Wait until a participant has subscribed to the track."""

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish the track. A second call of this method has no effect."""


class VideoTrack(ABC):
    """The interface of a published video track. `RoomLink.publish_video` creates it."""

    @abstractmethod
    def capture(self, frame: VideoFrame) -> None:
        """Send a video frame to the subscribers now.

        Args:
            frame: The frame; its width and height are those of the published track.
        """

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish the track. A second call of this method has no effect."""
