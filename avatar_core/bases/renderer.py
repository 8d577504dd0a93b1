"""A provider without a vendor: a worker of our own that draws with a renderer of the author's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider, S
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.worker.process import stop_worker, worker_exited


class RendererProvider(AvatarProvider[S]):
    """Name the renderer and its options; the worker, its start, watch and end are here.

    In a room of a LiveKit server the worker is a child process, in one in memory a task.

    Attributes:
        renderer: `package.module:Class` of a `Renderer`; the worker imports it, the agent does not.
        capabilities: Those of our own worker.
    """

    renderer: ClassVar[str]
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        playout_latency_s=0.1,
        run_ahead_s=0.5,
        ends_session=True,
        expected_join_s=2.0,
    )

    def options(self) -> Mapping[str, Any]:
        """Keyword arguments of the renderer, JSON-safe; by default none."""
        return {}

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the worker; override it to start another kind.

        Returns:
            Its record, for `ProvisionedAvatar.state`.

        Raises:
            WorkerError: It cannot be started, or ended before it was ready.
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
        """End the worker, from the record alone."""
        await stop_worker(avatar.state)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return when the worker has exited."""
        return await worker_exited(avatar.state)
