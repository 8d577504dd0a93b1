"""A flash-and-beep avatar for avatar-core: no account, no vendor, no network beyond the room."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from avatar_core import (
    AudioFormat,
    AvatarProvider,
    Capabilities,
    ProcessRecord,
    ProviderSettings,
    ProvisionedAvatar,
    ProvisionRequest,
    WorkerHost,
)

__all__ = ["MockProvider", "MockSettings"]

RENDERER = "avatar_core.sim.flash:FlashRenderer"


class MockSettings(ProviderSettings):
    """`AVATAR_MOCK_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_MOCK_")
    provider: ClassVar[str] = "mock"

    width: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=5, le=60)


class MockProvider(AvatarProvider[MockSettings]):
    """A worker in a child process that flashes while it beeps."""

    name = "mock"
    api_version = (1, 0)
    settings_cls = MockSettings
    capabilities = Capabilities(
        audio=AudioFormat(24_000),
        playout_latency_s=0.1,
        run_ahead_s=0.5,
        ends_session=True,
        expected_join_s=2.0,
    )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the child; it is in the room when this returns."""
        record = await WorkerHost.start(
            RENDERER,
            livekit_url=request.livekit_url,
            token=request.avatar_token(),
            options=self.settings.model_dump(include={"width", "height", "fps"}),
        )
        avatar = ProvisionedAvatar(
            session_id=f"mock-{record.pid}", identity=request.identity, state=record.state
        )
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the child, from the record alone."""
        if record := ProcessRecord.read(avatar.state):
            await record.stop()

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return when the child has exited."""
        if record := ProcessRecord.read(avatar.state):
            await record.exited()
            return "its worker process exited"
        return await super().watch(avatar)
