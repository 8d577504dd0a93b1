"""The settings `ANAM_*`: the documented options of an Anam session in a LiveKit room."""

from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

Style = Literal["happy", "warm", "playful", "supportive", "sad", "angry", "distressed"]
STYLES = get_args(Style)
PERSONA = {"avatar_model": "avatarModel", "max_session_length_seconds": "maxSessionLengthSeconds"}
NOTES = {"expressivity": "expressivity", "custom_style_prompt": "customStylePrompt"}
OPTIONS = {"video_width": "videoWidth", "video_height": "videoHeight"}
OPTIONS |= {"video_quality": "videoQuality", "show_ai_avatar_disclosure": "showAIAvatarDisclosure"}
"""Anam's names of the options in `personaConfig`, in its `directorNotes`, and in `sessionOptions`,
by the names of the settings."""


class AnamSettings(ProviderSettings):
    """The settings of an Anam session, read from `ANAM_*`.

    Anam applies its own default to each option that is None. The attributes without a description
    have the names and meanings of Anam's API reference.

    Attributes:
        api_key: API key of the Anam organization.
        api_url: Base URL of the API.
        variant: Id of an avatar, or one of `STYLES`, as in `AVATAR_PROVIDER=anam:warm`; overrides
            `avatar_id` or `preset_style`.
        avatar_id: Id of the avatar.
        name: Name of the persona, which the user does not see.
        avatar_model: Model that draws the avatar, such as `cara-4`.
        expressivity: How closely the avatar follows the style, 0 to 1.
        preset_style: Style of the performance, with the models cara-4.
        custom_style_prompt: Description of a style, instead of `preset_style`.
        max_session_length_seconds: Seconds after which Anam ends the session, if the limit of the
            plan is not shorter.
        video_width: Width of the video in pixels; set it together with `video_height`.
        video_height: Height of the video in pixels.
        enable_session_replay: Whether Anam records the session. Anam's own default is true.
    """

    model_config = SettingsConfigDict(env_prefix="ANAM_")
    provider: ClassVar[str] = "anam"

    api_key: SecretStr
    api_url: str = "https://api.anam.ai"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    avatar_id: str = Field(default="", pattern="^[A-Za-z0-9_-]*$", validate_default=True)
    name: str = "avatar"
    avatar_model: str | None = Field(default=None, pattern="^[a-z0-9.-]+$")
    max_session_length_seconds: int = Field(default=3600, ge=60, le=86_400)
    expressivity: float | None = Field(default=None, ge=0, le=1)
    preset_style: Style | None = None
    custom_style_prompt: str | None = Field(default=None, min_length=1, max_length=2000)
    video_width: int | None = Field(default=None, ge=1)
    video_height: int | None = Field(default=None, ge=1)
    video_quality: Literal["high", "auto"] | None = None
    show_ai_avatar_disclosure: bool | None = None
    enable_session_replay: bool | None = None

    @field_validator("avatar_id")
    @classmethod
    def _is_set(cls, id: str, info: ValidationInfo) -> str:
        if not id and info.data.get("variant", "") in ("", *STYLES):
            raise ValueError("is not set")
        return id

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.style and self.custom_style_prompt:
            raise ValueError("Set only one of ANAM_PRESET_STYLE and ANAM_CUSTOM_STYLE_PROMPT.")
        if (self.video_width is None) != (self.video_height is None):
            raise ValueError("Set both ANAM_VIDEO_WIDTH and ANAM_VIDEO_HEIGHT, or neither.")
        return self

    @property
    def avatar(self) -> str:
        """The id of the avatar."""
        return self.avatar_id if self.variant in ("", *STYLES) else self.variant

    @property
    def style(self) -> str | None:
        """The preset style; None for no preset style."""
        return self.variant if self.variant in STYLES else self.preset_style

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The persona, without a language model of Anam, and the options that are set, JSON-safe.
            The label of the session and the room are missing.
        """
        persona = {"type": "ephemeral", "name": self.name, "avatarId": self.avatar}
        persona |= {"llmId": "CUSTOMER_CLIENT_V1", **self._chosen(PERSONA)}
        notes = self._chosen(NOTES) | ({"presetStyle": self.style} if self.style else {})
        options, replay = self._chosen(OPTIONS), self.enable_session_replay
        options |= {} if replay is None else {"sessionReplay": {"enableSessionReplay": replay}}
        body = {"personaConfig": persona | ({"directorNotes": notes} if notes else {})}
        return body | ({"sessionOptions": options} if options else {})

    def _chosen(self, names: dict[str, str]) -> dict[str, Any]:
        values = {theirs: getattr(self, ours) for ours, theirs in names.items()}
        return {name: value for name, value in values.items() if value is not None}
