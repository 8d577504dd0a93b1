"""An avatar of ours whose worker runs in the test's own process."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink
from avatar_core.settings import ProviderSettings
from avatar_core.testing.flash_renderer import FlashRenderer
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
