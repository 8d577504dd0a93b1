"""Base class of providers without a vendor: our own worker, with a renderer of the author."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider, S
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.worker.process import stop_worker, worker_exited


class RendererProvider(AvatarProvider[S]):
    """A provider whose avatar is a worker of our own with the named renderer.

    In a room of a LiveKit server the worker is a child process; in a room in memory it is a
    task.

    Attributes:
        renderer: `package.module:Class` of a `Renderer`, which only the worker imports.
        capabilities: The capabilities of our own worker.
    """

    renderer: ClassVar[str]
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        playout_latency_s=0.1,
        run_ahead_s=0.5,
        ends_session=True,
        expected_join_s=2.0,
    )

    _required: ClassVar[Mapping[str, str]] = {
        **AvatarProvider._required,
        "renderer": 'renderer = "my_package.drawing:MyRenderer"',
    }

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of the renderer, JSON-safe; by default none."""
        return {}

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the worker; override this to start another kind of worker.

        Returns:
            The worker's record, for `ProvisionedAvatar.state`.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
        """
        return await request.start_worker(
            self.renderer, token=request.avatar_token(), options=self.options()
        )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker; it is in the room when this returns."""
        state = await self.start_worker(request)
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity, state=state)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the worker, from its record alone."""
        await stop_worker(avatar.state)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the worker has exited."""
        return await worker_exited(avatar.state)
