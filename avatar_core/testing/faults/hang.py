"""A hang of a participant in a room in memory, and tracks whose frames wait while it lasts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import AudioTrack, VideoTrack


class Hang:
    """The time during which a participant hangs. Create the object while an event loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = -math.inf
        self._ended = asyncio.Event()

    def start(self, duration_s: float) -> None:
        """Start to hang.

        Args:
            duration_s: Seconds until the participant continues; 0 means never.
        """
        self._until = self._loop.time() + duration_s if duration_s else math.inf

    @property
    def is_active(self) -> bool:
        """Whether the participant hangs now."""
        return self._loop.time() < self._until

    def end(self) -> None:
        """End the hang, because the participant has left the room."""
        self._until = -math.inf
        self._ended.set()

    async def wait(self) -> None:
        """Wait until the participant does not hang."""
        if self._until == math.inf:
            await self._ended.wait()
        if self.is_active:
            await asyncio.sleep(self._until - self._loop.time())

    def run_later(self, run: Callable[[], object]) -> None:
        """Run a function now, or when the participant continues.

        Args:
            run: Called without arguments.
        """
        if not self.is_active:
            run()
        elif self._until < math.inf:
            self._loop.call_at(self._until, run)


class HangingAudioTrack(AudioTrack):
    """An audio track that receives no frames while its participant hangs.

    Args:
        track: The wrapped track.
        hang: The time during which the participant hangs.

    Attributes:
        format: The audio format of the wrapped track.
    """

    def __init__(self, track: AudioTrack, hang: Hang) -> None:
        self.format = track.format
        self._track = track
        self._hang = hang

    async def capture(self, pcm: bytes) -> None:
        """Add audio to the queue of the wrapped track when the participant does not hang.

        Args:
            pcm: PCM in the format `format`; its duration is a multiple of 10 ms.

        Raises:
            Exception: LiveKit did not accept the audio.
        """
        await self._hang.wait()
        await self._track.capture(pcm)

    @property
    def queued_s(self) -> float:
        """Seconds of audio in the queue of the wrapped track."""
        return self._track.queued_s

    def clear(self) -> None:
        """Drop the audio in the queue of the wrapped track."""
        self._track.clear()

    async def wait_for_subscription(self) -> None:
        """Wait until a participant has subscribed to the wrapped track."""
        await self._track.wait_for_subscription()

    async def unpublish(self) -> None:
        """Unpublish the wrapped track."""
        await self._track.unpublish()


class HangingVideoTrack(VideoTrack):
    """A video track that shows no frames while its participant hangs.

    Args:
        track: The wrapped track.
        hang: The time during which the participant hangs.
    """

    def __init__(self, track: VideoTrack, hang: Hang) -> None:
        self._track = track
        self._hang = hang

    def capture(self, frame: VideoFrame) -> None:
        """Show a video frame, unless the participant hangs.

        Args:
            frame: The frame.
        """
        if not self._hang.is_active:
            self._track.capture(frame)

    async def unpublish(self) -> None:
        """Unpublish the wrapped track."""
        await self._track.unpublish()
