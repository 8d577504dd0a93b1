"""The providers of the systems `ours` and `ours-stock`: our worker and the stock worker."""

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
"""Width and height of the video frames in pixels."""


class FrameSettings(ProviderSettings):
    """The settings of `OwnWorkerProvider` and `StockWorkerProvider`.

    Attributes:
        fps: Video frames per second.
    """

    fps: int = 25


class OwnWorkerProvider(RendererProvider[FrameSettings]):
    """A provider whose worker is our own, with `FlashRenderer`."""

    name = "own-worker"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `FlashRenderer`.

        Returns:
            Width, height and fps.
        """
        return {"width": SIZE, "height": SIZE, "fps": self.settings.fps}


class StockWorkerProvider(AvatarProvider[FrameSettings]):
    """A provider whose worker is `AvatarRunner` of livekit-agents.

    Attributes:
        running: The processes of the running workers, by the identity of the avatar.
    """

    name = "stock-worker"
    api_version = (1, 0)
    capabilities = Capabilities(
        audio=AudioFormat(RATE_HZ), reports_started=True, playout_latency_s=0.2
    )
    running: ClassVar[dict[str, ChildProcess]] = {}

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start a worker process.

        Args:
            request: The room to join, and the identity to join as.

        Returns:
            The record of the worker.

        Raises:
            WorkerError: The process exited while it was starting.
        """
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
        """Stop the worker process, if it runs.

        Args:
            avatar: The record that `provision` returned.
            reason: Why the session ends; not used.
        """
        if child := self.running.pop(avatar.session_id, None):
            await child.stop()
