"""Runs the avatar worker that livekit-agents ships, `AvatarRunner`, as a child process.

Benchmarks and tests start the process as a `ChildProcess`. The process reads its configuration as
one line of JSON from stdin, prints READY when its tracks are published, and ends when stdin closes.
The signal SIGUSR1 makes the worker play silence, and SIGUSR2 makes it mute its audio track.
The worker uses the defaults of livekit-agents, except for the sizes of its frames: the
configuration sets the size of the video frames, and each audio frame is as long as one video frame.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
    VideoGenerator,
)

from avatar_core.testing.children import run_as_child
from avatar_core.testing.flash_renderer import FlashRenderer

RATE_HZ = 24_000
"""Sample rate of the worker's mono audio."""


class FlashGenerator(VideoGenerator):
    """A `VideoGenerator` of livekit-agents that draws the frames of a `FlashRenderer`.

    Args:
        size: Width and height of a frame in pixels.
        fps: Frames per second.

    Attributes:
        is_silent: Whether the generator replaces the audio by silence.
    """

    def __init__(self, size: int, fps: float) -> None:
        self.is_silent = False
        self._renderer = FlashRenderer(size, size, fps, RATE_HZ)
        self._queue: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Queue an audio frame, or the end of a segment.

        Args:
            frame: A mono audio frame at `RATE_HZ`, or the end of the segment.
        """
        await self._queue.put(frame)

    def clear_buffer(self) -> None:
        """Drop the audio frames that are still in the queue."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(
        self,
    ) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Iterate over video and audio frames without an end.

        Yields:
            For each queued audio frame, a video frame and then the audio frame; the end of each
            segment; while the queue is empty, an idle video frame every 1/fps seconds.
        """
        while True:
            try:
                item = await asyncio.wait_for(self._queue.get(), 1 / self._renderer.fps)
            except TimeoutError:
                yield self._frame(b"")
                continue
            if isinstance(item, rtc.AudioFrame):
                yield self._frame(bytes(item.data))
                if self.is_silent:
                    item = rtc.AudioFrame.create(RATE_HZ, 1, item.samples_per_channel)
            yield item

    def _frame(self, pcm: bytes) -> rtc.VideoFrame:
        video_frames = self._renderer.render(pcm, False) if pcm else ()
        video_frame = video_frames[0] if video_frames else self._renderer.idle()
        return rtc.VideoFrame(
            video_frame.width, video_frame.height, rtc.VideoBufferType.RGBA, bytes(video_frame.rgba)
        )


async def _serve(url: str, token: str, size: int, fps: float) -> None:
    room = rtc.Room()
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    generator = FlashGenerator(size, fps)
    runner = AvatarRunner(
        room,
        audio_recv=DataStreamAudioReceiver(room, frame_size_ms=round(1000 / fps)),
        video_gen=generator,
        options=AvatarOptions(
            video_width=size,
            video_height=size,
            video_fps=fps,
            audio_sample_rate=RATE_HZ,
            audio_channels=1,
        ),
    )
    await runner.start()
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sys.stdin, over.set)
    loop.add_signal_handler(signal.SIGUSR1, setattr, generator, "is_silent", True)
    loop.add_signal_handler(signal.SIGUSR2, _mute, room)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    await over.wait()
    await runner.aclose()
    await room.disconnect()


def _mute(room: rtc.Room) -> None:
    for publication in room.local_participant.track_publications.values():
        if isinstance(publication.track, rtc.LocalAudioTrack):
            publication.track.mute()


if __name__ == "__main__":
    run_as_child(_serve)
