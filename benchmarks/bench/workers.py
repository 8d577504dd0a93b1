"""The providers behind `ours` and `ours-stock`: our worker, and the stock one, each a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from avatar_core.bases.renderer import RendererProvider
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.settings import ProviderSettings
from avatar_core.testing.children import ChildProcess
from benchmarks.bench.stimulus import RATE_HZ

STOCK_WORKER = "avatar_core.testing.stock_worker"
SIZE = 256
"""Of the pictures, both edges."""


class PictureSettings(ProviderSettings):
    """What both are told of their pictures."""

    fps: int = 25


class OwnWorkerProvider(RendererProvider[PictureSettings]):
    """Our worker with flash-and-beep pictures."""

    name = "own-worker"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the frame size and rate."""
        return {"width": SIZE, "height": SIZE, "fps": self.settings.fps}


class StockWorkerProvider(AvatarProvider[PictureSettings]):
    """The stock worker, declared as a vendor declares his."""

    name = "stock-worker"
    api_version = (1, 0)
    capabilities = Capabilities(
        audio=AudioFormat(RATE_HZ), reports_started=True, playout_latency_s=0.2
    )
    running: ClassVar[dict[str, ChildProcess]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start it."""
        avatar = ProvisionedAvatar(session_id=request.identity, identity=request.identity)
        request.claim(avatar)
        self.running[request.identity] = await ChildProcess.start(
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
