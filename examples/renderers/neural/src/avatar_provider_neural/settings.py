"""The settings of the provider Neural."""

from __future__ import annotations

from typing import ClassVar, Literal

from avatar_core import ProviderSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class NeuralSettings(ProviderSettings):
    """The settings, read from `AVATAR_NEURAL_*`.

    Attributes:
        size: Width and height of a video frame, in pixels.
        batch: Frames that the model may draw at once.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_NEURAL_")
    provider: ClassVar[str] = "neural"

    size: Literal[128, 256, 512] = 512
    batch: int = Field(default=4, ge=1, le=4)
