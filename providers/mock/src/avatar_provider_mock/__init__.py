"""A provider for tests without a vendor: its avatar flashes when its audio is loud.

The avatar needs no account, and no network except for the connection to the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from avatar_core import ProviderSettings, ProvisionedAvatar, ProvisionRequest, RendererProvider
from avatar_core.testing import FAULTS, Scenario

if TYPE_CHECKING:
    from avatar_core.testing import VendorFront

__all__ = ["MockProvider", "MockSettings"]


class MockSettings(ProviderSettings):
    """The settings of the mock provider, read from `AVATAR_MOCK_*`.

    Attributes:
        width: Width of a video frame in pixels.
        height: Height of a video frame in pixels.
        fps: Frames per second.
        scenario: Faults of the worker, as a `Scenario` or as text such as
            `join_delay_s=2,crash_at_s=9`; by default none.
        fault: A fault of a create request by which a vendor's API would refuse the avatar, by its
            name in `avatar_core.testing.FAULTS`, such as `402`; by default none. The errors are
            those of a provider with a REST API.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_MOCK_")
    provider: ClassVar[str] = "mock"

    width: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=64, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=5, le=60)
    scenario: Annotated[Scenario, NoDecode] = Scenario()
    fault: str = ""

    @field_validator("fault")
    @classmethod
    def _is_known(cls, name: str) -> str:
        known = ", ".join(one for one, fault in FAULTS.items() if fault.fails_create)
        if name in FAULTS and not FAULTS[name].fails_create:
            raise ValueError(
                f"The fault {name!r} has no effect, because the mock has no vendor and sends only "
                "create requests. Set AVATAR_MOCK_SCENARIO for a fault of the worker, such as "
                f"never_joins. The faults are: {known}."
            )
        if name and name not in FAULTS:
            raise ValueError(f"No fault has this name. The faults are: {known}.")
        return name

    @field_validator("scenario", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return Scenario.parse(value) if isinstance(value, str) else value


class MockProvider(RendererProvider[MockSettings]):
    """A provider for tests, whose worker shows white flashes while the audio beeps."""

    name = "mock"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    _front: VendorFront | None = None

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker, unless the setting `fault` prevents it.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The record of the worker.

        Raises:
            ProvisionError: The setting `fault` makes the request fail.
            WorkerError: The worker cannot be started, or ended before it was ready.
        """
        if self.settings.fault:
            from avatar_core.testing import VendorFront  # imports livekit

            if self._front is None:
                self._front = VendorFront(self.name)
                self._front.fail(self.settings.fault)
            await self._front.create(request.deadline_s)
        return await super().provision(request)

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
