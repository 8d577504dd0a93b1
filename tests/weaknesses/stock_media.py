"""Sources and tracks in virtual time, in the place of LiveKit's native ones."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit import rtc

from avatar_core.testing.clock import now


class FakeAudioSource:
    """An audio queue that plays in virtual time, as `rtc.AudioSource`.

    `capture_frame` waits until the queue has room for the frame, as the native source does.

    Attributes:
        heard: The start and the end of each frame that a listener hears, in loop time.
    """

    def __init__(self, sample_rate: int, num_channels: int, queue_size_ms: int = 1000) -> None:
        self._queue_s = queue_size_ms / 1000
        self.heard: list[tuple[float, float]] = []

    @property
    def queued_duration(self) -> float:
        return max(0.0, self._end_s - now())

    @property
    def _end_s(self) -> float:
        return self.heard[-1][1] if self.heard else 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        start_s = max(now(), self._end_s)
        self.heard.append((start_s, start_s + frame.duration))
        await asyncio.sleep(max(0.0, self.queued_duration - self._queue_s))

    def clear_queue(self) -> None:
        self.heard = [(start, min(end, now())) for start, end in self.heard if start < now()]

    def heard_s(self, since_s: float = 0.0) -> float:
        """Return how much audio a listener hears after a time.

        Args:
            since_s: The time in seconds.

        Returns:
            Seconds of audio.
        """
        return sum(max(0.0, end - max(start, since_s)) for start, end in self.heard)

    async def aclose(self) -> None:
        return


class FakeVideoSource:
    """A video source that records its frames, as `rtc.VideoSource`.

    Attributes:
        shown: The loop time of each frame.
        error: An exception that the next frame raises.
    """

    def __init__(self, width: int, height: int) -> None:
        self.shown: list[float] = []
        self.error: Exception | None = None

    def capture_frame(self, frame: rtc.VideoFrame) -> None:
        if self.error is not None:
            raise self.error
        self.shown.append(now())

    async def aclose(self) -> None:
        return


class FakeTrack:
    """A local track that has only a kind."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    @staticmethod
    def create_audio(name: str, source: Any) -> FakeTrack:
        return FakeTrack(rtc.TrackKind.KIND_AUDIO)

    @staticmethod
    def create_video(name: str, source: Any) -> FakeTrack:
        return FakeTrack(rtc.TrackKind.KIND_VIDEO)


class PerfCounter:
    """The part of the module `time` that the synchronizer reads, in virtual time."""

    @staticmethod
    def perf_counter() -> float:
        return now()
