"""A provider whose worker runs in the process of the test."""

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
    """Settings without fields."""


class InProcessWorker:
    """An `AvatarWorker` whose room link a test can use to send as the avatar.

    Args:
        link: The worker's room link.

    Attributes:
        link: The worker's room link.
        worker: The worker, with a small flash renderer.
        running: The task that runs the worker.
    """

    def __init__(self, link: RtcLink) -> None:
        self.link = link
        self.worker = AvatarWorker(link, FlashRenderer(SIZE, SIZE, FPS, RATE_HZ))
        self.running = asyncio.create_task(self.worker.run())

    @classmethod
    async def join(cls, url: str, token: str) -> InProcessWorker:
        """Join the room, and wait until the worker has published both tracks."""
        worker = cls(await join(url, token))
        await worker.worker.ready.wait()
        return worker

    async def aclose(self) -> None:
        """Stop the worker, and leave the room."""
        self.worker.stop()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.link.aclose()


class InProcessProvider(AvatarProvider[NoSettings]):
    """Provisions an `InProcessWorker`.

    Attributes:
        workers: The running workers, by identity.
    """

    name = "ours"
    api_version = (1, 0)
    capabilities = Capabilities(audio=AudioFormat(RATE_HZ), run_ahead_s=0.5)
    workers: ClassVar[dict[str, InProcessWorker]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        worker = await InProcessWorker.join(request.livekit_url, request.avatar_token())
        self.workers[request.identity] = worker
        return ProvisionedAvatar(session_id=request.identity, identity=request.identity)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        if worker := self.workers.pop(avatar.session_id, None):
            await worker.aclose()
