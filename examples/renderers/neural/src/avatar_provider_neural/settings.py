"""The settings of the provider Neural."""

from __future__ import annotations

from typing import Annotated, ClassVar

from avatar_core import ProviderSettings
from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from avatar_provider_neural.face import SIZES


def _check_size(size: int) -> int:
    if size not in SIZES:
        raise ValueError("must be 128, 256 or 512")
    return size


class NeuralSettings(ProviderSettings):
    """The settings, read from `AVATAR_NEURAL_*`.

    Attributes:
        size: Width and height of a video frame, in pixels.
        batch: Frames that the model may draw at once.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_NEURAL_")
    provider: ClassVar[str] = "neural"

    size: Annotated[int, AfterValidator(_check_size)] = 512
    batch: int = Field(default=2, ge=1, le=4)
