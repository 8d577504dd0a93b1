"""The settings of the provider Orb."""

from __future__ import annotations

from typing import ClassVar

from avatar_core import ProviderSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class OrbSettings(ProviderSettings):
    """The settings, read from `AVATAR_ORB_*`.

    Attributes:
        size: Width and height of a video frame, in pixels.
        colour: The colour as `#rrggbb`.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_ORB_")
    provider: ClassVar[str] = "orb"

    size: int = Field(default=256, ge=64, le=1080, multiple_of=2)
    colour: str = Field(default="#5fb3ff", pattern="^#[0-9a-fA-F]{6}$")
