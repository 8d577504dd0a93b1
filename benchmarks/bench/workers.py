"""The providers behind `ours` and `ours-stock`: our worker, and the stock one, each a process."""

from __future__ import annotations

from typing import ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.settings import ProviderSettings
from avatar_core.testing.children import Child
from avatar_core.worker.process import stop_worker, worker_exited
from benchmarks.bench.stimulus import RATE_HZ

STOCK_WORKER = "avatar_core.testing.stock_worker"
SIZE = 256
"""Of the pictures, both edges."""


class PictureSettings(ProviderSettings):
    """What both are told of their pictures."""

    fps: int = 25


class OwnWorkerProvider(AvatarProvider[PictureSettings]):
    """Our worker with flash-and-beep pictures."""

    name = "own-worker"
    api_version = (1, 0)
    settings_cls = PictureSettings
    capabilities = Capabilities(
        audio=AudioFormat(RATE_HZ), playout_latency_s=0.1, run_ahead_s=0.5, expected_join_s=2.0
    )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start it."""
        state = await request.start_worker(
            "avatar_core.testing.flash_renderer:FlashRenderer",
            token=request.avatar_token(),
            options={"width": SIZE, "height": SIZE, "fps": self.settings.fps},
        )
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity, state=state)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End it."""
        await stop_worker(avatar.state)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return when it has exited."""
        return await worker_exited(avatar.state)


class StockWorkerProvider(AvatarProvider[PictureSettings]):
    """The stock worker, declared as a vendor declares his."""

    name = "stock-worker"
    api_version = (1, 0)
    settings_cls = PictureSettings
    capabilities = Capabilities(
        audio=AudioFormat(RATE_HZ), reports_started=True, playout_latency_s=0.2
    )
    running: ClassVar[dict[str, Child]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start it."""
        avatar = ProvisionedAvatar(session_id=request.identity, identity=request.identity)
        request.claim(avatar)
        self.running[request.identity] = await Child.start(
            STOCK_WORKER,
            url=request.livekit_url,
            token=request.avatar_token(),
            size=SIZE,
            fps=self.settings.fps,
        )
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End it."""
        if child := self.running.pop(avatar.session_id, None):
            await child.stop()
