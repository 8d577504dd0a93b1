"""Tracks in memory: a queue that plays on loop time, and what a listener got of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.playout import PlayoutClock


@dataclass(slots=True)
class Run:
    """Sound of one participant without a gap.

    Attributes:
        identity: Whose track.
        at_s: Loop time of its first sample.
        format: Of `pcm`.
        pcm: What was heard.
    """

    identity: str
    at_s: float
    format: AudioFormat
    pcm: bytearray

    @property
    def end_s(self) -> float:
        """Loop time after its last sample."""
        return self.at_s + self.format.duration_s(len(self.pcm))

    def since(self, at_s: float) -> bytes:
        """Return the samples that were heard from a time on."""
        return bytes(self.pcm[self.format.size(max(0.0, at_s - self.at_s)) :])


@dataclass
class Recording:
    """A recording of all audio in the room, exact to the sample, and a count of video frames.

    Attributes:
        runs: The sound, in order.
        frames: The number of video frames received, by identity. The frames are not kept.
        watch: Shown each frame, with the identity of whose it is.
    """

    runs: list[Run] = field(default_factory=list)
    video_frames: dict[str, int] = field(default_factory=dict)
    watch: Callable[[str, VideoFrame], None] | None = None

    def heard(self, identity: str, at_s: float, format: AudioFormat, pcm: bytes) -> None:
        """A piece left a queue."""
        for run in reversed(self.runs):
            if run.identity == identity:
                if abs(run.end_s - at_s) < 1e-6 and run.format == format:
                    run.pcm += pcm
                    return
                break
        self.runs.append(Run(identity, at_s, format, bytearray(pcm)))

    def seen(self, identity: str, video_frame: VideoFrame) -> None:
        """A frame was shown."""
        self.video_frames[identity] = self.video_frames.get(identity, 0) + 1
        if self.watch is not None:
            self.watch(identity, video_frame)

    def seconds(self, identity: str | None = None) -> float:
        """How long sound was heard."""
        return sum(run.end_s - run.at_s for run in self.runs if identity in (None, run.identity))


class MemoryAudioTrack(AudioTrack):
    """A queue of frames that leave one after another; a clear takes back what has not left."""

    def __init__(
        self,
        identity: str,
        format: AudioFormat,
        recording: Recording,
        on_unpublish: Callable[[], None],
    ) -> None:
        self.format = format
        self._identity = identity
        self._recording = recording
        self._unpublished = on_unpublish
        self._playout = PlayoutClock()
        self._waiting: list[tuple[float, bytes, asyncio.TimerHandle]] = []
        self._removed = False
        self._frozen = False
        self._lost = False

    async def capture(self, pcm: bytes) -> None:
        """Queue a frame; waits while the queue is full."""
        if self._frozen:
            await asyncio.get_running_loop().create_future()
        surplus_s = self._playout.queued_s + self.format.duration_s(len(pcm)) - QUEUE_S
        if surplus_s > 0:
            await asyncio.sleep(surplus_s)
        if self._removed:
            return
        at_s = max(self._playout.empty_at, loop_time())
        self._playout.add(self.format.duration_s(len(pcm)))
        timer = asyncio.get_running_loop().call_at(self._playout.empty_at, self._leave)
        self._waiting.append((at_s, pcm, timer))

    @property
    def queued_s(self) -> float:
        """Seconds captured that have not left the queue."""
        return self._playout.queued_s

    def clear(self) -> None:
        """Drop what is queued; of the frame that is leaving, what has left was heard."""
        now = loop_time()
        for at_s, pcm, timer in self._waiting:
            timer.cancel()
            if at_s < now:
                self._sound(at_s, pcm[: self.format.size(now - at_s)])
        self._waiting.clear()
        self._playout.clear()

    def freeze(self) -> None:
        """Take nothing more in; what is queued plays out."""
        self._frozen = True

    def drop(self) -> None:
        """Out of the room: the queue plays on, and nobody hears it."""
        self.clear()
        self._lost = True

    async def wait_for_subscription(self) -> None:
        """Somebody always listens here."""

    async def unpublish(self) -> None:
        """Unpublish; idempotent."""
        if not self._removed:
            self._removed = True
            self.clear()
            self._unpublished()

    def _leave(self) -> None:
        at_s, pcm, _ = self._waiting.pop(0)
        self._sound(at_s, pcm)

    def _sound(self, at_s: float, pcm: bytes) -> None:
        if not self._lost:
            self._recording.heard(self._identity, at_s, self.format, pcm)


class MemoryVideoTrack(VideoTrack):
    """Pictures, seen as soon as they are captured."""

    def __init__(
        self, identity: str, recording: Recording, on_unpublish: Callable[[], None]
    ) -> None:
        self._identity = identity
        self._recording = recording
        self._unpublished = on_unpublish
        self._removed = False
        self._still = False

    def capture(self, video_frame: VideoFrame) -> None:
        """Show a video_frame."""
        if not (self._removed or self._still):
            self._recording.seen(self._identity, video_frame)

    def freeze(self) -> None:
        """Nothing more is seen of it."""
        self._still = True

    def drop(self) -> None:
        """Out of the room: the same."""
        self.freeze()

    async def unpublish(self) -> None:
        """Unpublish; idempotent."""
        if not self._removed:
            self._removed = True
            self._unpublished()


class Unseen(VideoTrack):
    """A track that was never published."""

    def capture(self, video_frame: VideoFrame) -> None:
        """Nobody sees it."""

    async def unpublish(self) -> None:
        """There is nothing to remove."""
