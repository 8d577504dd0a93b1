"""A minimal provider for avatar-core with its own renderer, which draws a glowing orb."""

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
    """A provider without a vendor, whose worker is a child process that draws an orb."""

    name = "orb"
    api_version = (1, 0)
    renderer = "avatar_provider_orb.drawing:OrbRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `OrbRenderer`.

        Returns:
            The size and the colour from the settings.
        """
        return {"size": self.settings.size, "colour": self.settings.colour}
