"""A provider for tests without a vendor: its avatar flashes when its audio is loud.

The avatar needs no account, and no network except for the connection to the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from avatar_core import ProviderSettings, ProvisionRequest, RendererProvider
from avatar_core.testing import Scenario

__all__ = ["MockProvider", "MockSettings"]


class MockSettings(ProviderSettings):
    """The settings of the mock provider, read from `AVATAR_MOCK_*`.

    Attributes:
        width: Width of a video frame in pixels.
        height: Height of a video frame in pixels.
        fps: Frames per second.
        scenario: Faults of the worker, as a `Scenario` or as text such as
            `join_delay_s=2,crash_at_s=9`; by default none.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_MOCK_")
    provider: ClassVar[str] = "mock"

    width: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=5, le=60)
    scenario: Annotated[Scenario, NoDecode] = Scenario()

    @field_validator("scenario", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return Scenario.parse(value) if isinstance(value, str) else value


class MockProvider(RendererProvider[MockSettings]):
    """A provider for tests, whose worker shows white flashes while the audio beeps."""

    name = "mock"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments with which the worker creates the `FlashRenderer`.

        Returns:
            Width, height and fps from the settings.
        """
        return self.settings.model_dump(include={"width", "height", "fps"})

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the worker, with faults if a scenario is set.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The worker's record, for `ProvisionedAvatar.state`.

        Raises:
            WorkerError: The worker cannot be started, or ended before it was ready.
        """
        scenario = self.settings.scenario
        if scenario == Scenario():
            return await super().start_worker(request)
        from avatar_core.testing import start_faulty_worker  # imports livekit

        return await start_faulty_worker(
            request, self.renderer, options=self.options(), scenario=scenario
        )
