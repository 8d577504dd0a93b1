"""The options of the drawn face."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Character(StrEnum):
    """The characters."""

    ADA = "ada"
    BEN = "ben"
    NIA = "nia"


class FaceOptions(BaseModel):
    """Arguments of the renderer.

    Attributes:
        character: The characters.
        width, height: Of a picture, pixels.
        fps: Pictures a second.
        seed: Of blinks, glances and movements: the same seed moves the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    character: Character = Character.ADA
    width: int = Field(default=512, ge=128, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=128, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=10, le=60)
    seed: int = Field(default=0, ge=0)

    def face(self) -> dict[str, Any]:
        """These, as the renderer takes them."""
        return FaceOptions.model_validate(
            {name: getattr(self, name) for name in FaceOptions.model_fields}
        ).model_dump(mode="json")
