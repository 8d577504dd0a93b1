"""A glowing orb for avatar-core: the smallest provider with a renderer of its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
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

__all__ = ["OrbProvider", "OrbSettings"]


class OrbSettings(ProviderSettings):
    """`AVATAR_ORB_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_ORB_")
    provider: ClassVar[str] = "orb"

    size: int = Field(default=256, ge=64, le=1080, multiple_of=2)
    """Width and height, pixels."""
    colour: str = Field(default="#5fb3ff", pattern="^#[0-9a-fA-F]{6}$")


class OrbProvider(AvatarProvider[OrbSettings]):
    """A worker of our own, so nothing is bought: a child process that draws an orb."""

    name = "orb"
    api_version = (1, 0)
    settings_cls = OrbSettings
    capabilities = Capabilities(
        audio=AudioFormat(24_000), run_ahead_s=0.5, ends_session=True, expected_join_s=2.0
    )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker; it is in the room when this returns."""
        state = await request.start_worker(
            "avatar_provider_orb.drawing:OrbRenderer",
            token=request.avatar_token(),
            options={"size": self.settings.size, "colour": self.settings.colour},
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
