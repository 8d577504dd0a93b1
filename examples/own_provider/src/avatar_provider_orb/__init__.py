"""A glowing orb for avatar-core: a minimal provider with its own renderer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings, RendererProvider

__all__ = ["OrbProvider", "OrbSettings"]


class OrbSettings(ProviderSettings):
    """The settings of the orb, read from `AVATAR_ORB_*`.

    Attributes:
        size: Width and height of a video frame, in pixels.
        colour: Colour of the orb as `#rrggbb`.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_ORB_")
    provider: ClassVar[str] = "orb"

    size: int = Field(default=256, ge=64, le=1080, multiple_of=2)
    colour: str = Field(default="#5fb3ff", pattern="^#[0-9a-fA-F]{6}$")


class OrbProvider(RendererProvider[OrbSettings]):
    """A provider without a vendor: a child process of the agent draws an orb."""

    name = "orb"
    api_version = (1, 0)
    renderer = "avatar_provider_orb.drawing:OrbRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `OrbRenderer`."""
        return {"size": self.settings.size, "colour": self.settings.colour}
