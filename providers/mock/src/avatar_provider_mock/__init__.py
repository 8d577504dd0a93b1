"""A flash-and-beep avatar for avatar-core: no account, no vendor, no network beyond the room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from avatar_core import ProviderSettings, ProvisionRequest, RendererProvider
from avatar_core.testing import Scenario, start_faulty_worker

__all__ = ["MockProvider", "MockSettings"]


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


class MockProvider(RendererProvider[MockSettings]):
    """A worker of our own that flashes while it beeps."""

    name = "mock"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the frame size and rate."""
        return self.settings.model_dump(include={"width", "height", "fps"})

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the worker, with faults if a scenario is set."""
        scenario = self.settings.scenario
        if scenario == Scenario():
            return await super().start_worker(request)
        return await start_faulty_worker(
            request, self.renderer, options=self.options(), scenario=scenario
        )
