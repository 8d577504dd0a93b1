"""The settings `RUNWAYML_*`: the documented options of a Runway session in a LiveKit room."""

import re
from typing import Any, ClassVar, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""The form of the id of a custom avatar. The ids of presets are names."""
ID = "^[A-Za-z0-9_-]+$"
OPTIONS = {"max_duration", "personality", "start_script", "tools"}
"""Settings that go to Runway under their own names, in camel case."""


class RunwaySettings(ProviderSettings):
    """The settings of a Runway session, read from `RUNWAYML_*`.

    Runway applies its own default to each option that is None.

    Attributes:
        api_key: API secret of the Runway project, from `RUNWAYML_API_SECRET`.
        api_url: Base URL of the API, from `RUNWAYML_BASE_URL`.
        variant: Name of a preset or id of a custom avatar, as in
            `AVATAR_PROVIDER=runway:cat-character`; overrides `avatar_id` and `preset_id`.
        avatar_id: Id of a custom avatar.
        preset_id: Name of a preset of Runway.
        max_duration: Maximum duration of a session in seconds, which is Runway's own default.
        personality: Instructions for Runway's own conversation model.
        start_script: The first sentence of Runway's own conversation model.
        tools: Tools of Runway's own conversation model, in Runway's format.
    """

    model_config = SettingsConfigDict(env_prefix="RUNWAYML_")
    provider: ClassVar[str] = "runway"

    api_key: SecretStr = Field(validation_alias="RUNWAYML_API_SECRET")
    api_url: str = Field(
        default="https://api.dev.runwayml.com", validation_alias="RUNWAYML_BASE_URL"
    )
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    avatar_id: str | None = Field(
        default=None,
        pattern=ID,
        validation_alias=AliasChoices("RUNWAYML_AVATAR_ID", "RUNWAY_AVATAR_ID"),
    )
    preset_id: str | None = Field(default=None, pattern=ID)
    max_duration: int = Field(default=300, ge=10, le=1800)
    personality: str | None = Field(default=None, max_length=10_000)
    start_script: str | None = Field(default=None, max_length=2000)
    tools: list[dict[str, Any]] | None = Field(default=None, max_length=20)

    @model_validator(mode="after")
    def _has_one_face(self) -> Self:
        if not self.variant and (self.avatar_id is None) == (self.preset_id is None):
            raise ValueError("Set either RUNWAYML_AVATAR_ID or RUNWAYML_PRESET_ID.")
        return self

    @property
    def custom_avatar(self) -> str:
        """The id of the custom avatar; an empty string if the settings select a preset."""
        if self.variant:
            return self.variant if UUID.fullmatch(self.variant) else ""
        return self.avatar_id or ""

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The avatar and all options that are set, JSON-safe. The room is missing.
        """
        custom = {"type": "custom", "avatarId": self.custom_avatar}
        preset = {"type": "runway-preset", "presetId": self.variant or self.preset_id}
        options = self.model_dump(mode="json", include=OPTIONS, exclude_none=True)
        face = custom if self.custom_avatar else preset
        return {"avatar": face, **{to_camel(name): value for name, value in options.items()}}
