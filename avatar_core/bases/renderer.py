"""The base class of providers that draw avatars with a renderer of their own, without a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider, S
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.worker.process import stop_worker, worker_exited


class RendererProvider(AvatarProvider[S]):
    """Base class of a provider whose avatar is drawn by a `Renderer` in a worker of avatar-core.

    A subclass sets `renderer`, and may override `options`. The worker is a child process in a room
    of a LiveKit server, and a task in a room in memory.

    Attributes:
        renderer: The renderer class, a subclass of `Renderer`, as `package.module:Class`. Only the
            worker imports the class.
        capabilities: The capabilities of the worker of avatar-core.
    """

    renderer: ClassVar[str]
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        playout_latency_s=0.1,
        run_ahead_s=0.5,
        ends_session=True,
        expected_join_s=2.0,
        supports_encryption=True,
    )

    _required: ClassVar[Mapping[str, str]] = {
        **AvatarProvider._required,
        "renderer": 'renderer = "my_package.drawing:MyRenderer"',
    }

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments for the renderer class.

        The default implementation returns no arguments.

        Returns:
            The arguments by name, JSON-serializable.
        """
        return {}

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the worker. Override this method to start another kind of worker.

        Args:
            request: The request that `provision` received.

        Returns:
            The record of the worker, for `ProvisionedAvatar.state`.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
            AvatarError: No room token can be created.
        """
        return await request.start_worker(
            self.renderer, token=request.avatar_token(), options=self.options()
        )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker, and return when the worker is in the room.

        Args:
            request: The room to join, the identity to join as, and the function that starts a
                worker.

        Returns:
            The record of the worker, whose session id is `request.key`.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
            AvatarError: No room token can be created.
        """
        state = await self.start_worker(request)
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity, state=state)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the worker. Any process of the same machine can call this method.

        Args:
            avatar: The record of the worker.
            reason: The reason of the end, which is not used.

        Raises:
            psutil.AccessDenied: The worker process belongs to another user.
        """
        await stop_worker(avatar.state)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the worker has exited.

        Args:
            avatar: The record of the worker.

        Returns:
            The reason, for logs.
        """
        return await worker_exited(avatar.state)
