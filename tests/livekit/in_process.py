"""Avatars whose worker runs in the test's own process: ours, and livekit-agents' own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

from livekit import rtc
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
    VideoGenerator,
)

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider, ProvisionedAvatar, ProvisionRequest
from avatar_core.rtc.link import RtcLink, join
from avatar_core.settings import ProviderSettings
from avatar_core.sim.flash import FlashRenderer
from avatar_core.worker.worker import AvatarWorker

RATE_HZ = 24_000
SIZE, FPS = 128, 25.0


class NoSettings(ProviderSettings):
    """None."""


class OurWorker:
    """An `AvatarWorker` with its link at hand, so that a test can speak in its name."""

    def __init__(self, link: RtcLink) -> None:
        self.link = link
        self.worker = AvatarWorker(link, FlashRenderer(SIZE, SIZE, FPS, RATE_HZ))
        self.running = asyncio.create_task(self.worker.run())

    @classmethod
    async def join(cls, url: str, token: str) -> OurWorker:
        """Join; return when both tracks are published."""
        worker = cls(await join(url, token))
        await worker.worker.ready.wait()
        return worker

    async def aclose(self) -> None:
        """Leave."""
        self.worker.stop()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.link.aclose()


class StockWorker:
    """The worker that livekit-agents ships, as its examples use it."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.runner = AvatarRunner(
            room,
            audio_recv=DataStreamAudioReceiver(room, frame_size_ms=round(1000 / FPS)),
            video_gen=PassThrough(),
            options=AvatarOptions(
                video_width=SIZE,
                video_height=SIZE,
                video_fps=FPS,
                audio_sample_rate=RATE_HZ,
                audio_channels=1,
            ),
        )

    @classmethod
    async def join(cls, url: str, token: str) -> StockWorker:
        """Join; it publishes its tracks by itself."""
        room = rtc.Room()
        await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        worker = cls(room)
        await worker.runner.start()
        return worker

    async def aclose(self) -> None:
        """Leave."""
        await self.runner.aclose()
        await self.room.disconnect()


class PassThrough(VideoGenerator):
    """Sound as it comes, with one dark picture for each frame of it and when there is none."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()
        self._dark = bytes(SIZE * SIZE * 4)

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        await self._queue.put(frame)

    def clear_buffer(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(
        self,
    ) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        while True:
            try:
                item = await asyncio.wait_for(self._queue.get(), 0.5 / FPS)
            except TimeoutError:
                yield self._picture()
                continue
            if isinstance(item, rtc.AudioFrame):
                yield self._picture()
            yield item

    def _picture(self) -> rtc.VideoFrame:
        return rtc.VideoFrame(SIZE, SIZE, rtc.VideoBufferType.RGBA, self._dark)


class OurProvider(AvatarProvider[NoSettings]):
    """`OurWorker` behind our agent."""

    name = "ours"
    api_version = (1, 0)
    settings_cls = NoSettings
    capabilities = Capabilities(audio=AudioFormat(RATE_HZ), run_ahead_s=0.5)
    workers: ClassVar[dict[str, OurWorker]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        worker = await OurWorker.join(request.livekit_url, request.avatar_token())
        self.workers[request.identity] = worker
        return ProvisionedAvatar(session_id=request.identity, identity=request.identity)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if worker := self.workers.pop(avatar.session_id, None):
            await worker.aclose()


class StockProvider(AvatarProvider[NoSettings]):
    """`StockWorker` behind our agent, declared as a vendor's."""

    name = "stock"
    api_version = (1, 0)
    settings_cls = NoSettings
    capabilities = Capabilities(
        audio=AudioFormat(RATE_HZ), reports_started=True, playout_latency_s=0.2
    )
    workers: ClassVar[dict[str, StockWorker]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        worker = await StockWorker.join(request.livekit_url, request.avatar_token())
        self.workers[request.identity] = worker
        return ProvisionedAvatar(session_id=request.identity, identity=request.identity)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if worker := self.workers.pop(avatar.session_id, None):
            await worker.aclose()
