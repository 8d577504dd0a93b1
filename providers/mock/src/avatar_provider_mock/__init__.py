"""A flash-and-beep avatar for avatar-core: no account, no vendor, no network beyond the room."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

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
from avatar_core.testing import Scenario

__all__ = ["MockProvider", "MockSettings"]

RENDERER = "avatar_core.testing.flash_renderer:FlashRenderer"


class MockSettings(ProviderSettings):
    """`AVATAR_MOCK_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_MOCK_")
    provider: ClassVar[str] = "mock"

    width: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=5, le=60)
    scenario: Annotated[Scenario, NoDecode] = Scenario()
    """How the worker misbehaves, like `join_delay_s=2,crash_at_s=9`."""

    @field_validator("scenario", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return Scenario.parse(value) if isinstance(value, str) else value


class MockProvider(AvatarProvider[MockSettings]):
    """A worker of our own that flashes while it beeps."""

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
        """Start the worker; it is in the room when this returns."""
        state = await request.start_worker(
            RENDERER,
            token=request.avatar_token(),
            options=self.settings.model_dump(include={"width", "height", "fps"}),
            scenario=self.settings.scenario.as_dict(),
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
