"""The worker that livekit-agents ships, in a process: the worker of `stock` and `ours-stock`.

Configured by a line of JSON on stdin; READY on stdout once it publishes; ends with stdin.
All its parameters are the defaults of livekit-agents, except the size of its frames and
that its generator makes one frame with each audio frame.
"""

from __future__ import annotations

import asyncio
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


class FlashGenerator(VideoGenerator):
    """The frames of `FlashRenderer`, in the words of livekit-agents."""

    def __init__(self, size: int, fps: float) -> None:
        self._renderer = FlashRenderer(size, size, fps, RATE_HZ)
        self._queue: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Take sound in."""
        await self._queue.put(frame)

    def clear_buffer(self) -> None:
        """Forget what is not generated yet."""
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(
        self,
    ) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """A frame with each frame of sound, and at its pace while there is none."""
        while True:
            try:
                item = await asyncio.wait_for(self._queue.get(), 1 / self._renderer.fps)
            except TimeoutError:
                yield self._frame(b"")
                continue
            if isinstance(item, rtc.AudioFrame):
                yield self._frame(bytes(item.data))
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
    runner = AvatarRunner(
        room,
        audio_recv=DataStreamAudioReceiver(room, frame_size_ms=round(1000 / fps)),
        video_gen=FlashGenerator(size, fps),
        options=AvatarOptions(
            video_width=size,
            video_height=size,
            video_fps=fps,
            audio_sample_rate=RATE_HZ,
            audio_channels=1,
        ),
    )
    await runner.start()
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    await over.wait()
    await runner.aclose()
    await room.disconnect()


if __name__ == "__main__":
    run_as_child(_serve)
