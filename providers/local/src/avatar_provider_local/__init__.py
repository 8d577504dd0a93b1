"""A drawn, lip-synced face for avatar-core: on your own CPU, without an account."""

from __future__ import annotations

from typing import ClassVar

from pydantic_settings import SettingsConfigDict

from avatar_core import (
    AudioFormat,
    AvatarProvider,
    Capabilities,
    ProviderSettings,
    ProvisionedAvatar,
    ProvisionRequest,
    stop_worker,
    worker_exited,
)
from avatar_provider_local.face.options import Character, FaceOptions

__all__ = ["Character", "FaceOptions", "LocalProvider", "LocalSettings"]

RENDERER = "avatar_provider_local.face.renderer:FaceRenderer"


class LocalSettings(ProviderSettings, FaceOptions):
    """`AVATAR_LOCAL_*`: what can be chosen of the face."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_LOCAL_")
    provider: ClassVar[str] = "local"


class LocalProvider(AvatarProvider[LocalSettings]):
    """A worker of our own that draws a face."""

    name = "local"
    api_version = (1, 0)
    settings_cls = LocalSettings
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        playout_latency_s=0.1,
        run_ahead_s=0.5,
        ends_session=True,
        expected_join_s=3.0,
    )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker; it is in the room when this returns."""
        state = await request.start_worker(
            RENDERER,
            token=request.avatar_token(),
            options=self.settings.face(),
        )
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity, state=state)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the worker, from the record alone."""
        await stop_worker(avatar.state)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return when the worker has exited."""
        return await worker_exited(avatar.state)
