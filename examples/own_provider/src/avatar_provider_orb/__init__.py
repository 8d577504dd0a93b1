"""A glowing orb for avatar-core: the smallest provider with a renderer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings, RendererProvider

__all__ = ["OrbProvider", "OrbSettings"]


class OrbSettings(ProviderSettings):
    """`AVATAR_ORB_*`."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_ORB_")
    provider: ClassVar[str] = "orb"

    size: int = Field(default=256, ge=64, le=1080, multiple_of=2)
    """Width and height, pixels."""
    colour: str = Field(default="#5fb3ff", pattern="^#[0-9a-fA-F]{6}$")


class OrbProvider(RendererProvider[OrbSettings]):
    """An avatar without a vendor: a child process of the agent draws an orb."""

    name = "orb"
    api_version = (1, 0)
    renderer = "avatar_provider_orb.drawing:OrbRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the arguments of `OrbRenderer`."""
        return {"size": self.settings.size, "colour": self.settings.colour}
