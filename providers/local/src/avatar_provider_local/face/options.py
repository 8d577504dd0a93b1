"""The options of the face: the character, the size and rate of the video, and the seed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Character(StrEnum):
    """The names of the characters."""

    ADA = "ada"
    BEN = "ben"
    NIA = "nia"


class FaceOptions(BaseModel):
    """The options of `FaceRenderer`, in the settings and in requests to an avatar server.

    Attributes:
        character: The character to draw.
        width: Width of a video frame in pixels.
        height: Height of a video frame in pixels.
        fps: Video frames per second.
        seed: Seed of the random blinks, glances and movements.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    character: Character = Character.ADA
    width: int = Field(default=512, ge=128, le=1920, multiple_of=2)
    height: int = Field(default=512, ge=128, le=1920, multiple_of=2)
    fps: float = Field(default=25.0, ge=10, le=60)
    seed: int = Field(default=0, ge=0)

    def face(self) -> dict[str, Any]:
        """Return the options as keyword arguments of `FaceRenderer`.

        Returns:
            The options `character`, `width`, `height`, `fps` and `seed`, JSON-safe. Other fields of
            a subclass are not included.
        """
        return FaceOptions.model_validate(
            {name: getattr(self, name) for name in FaceOptions.model_fields}
        ).model_dump(mode="json")
