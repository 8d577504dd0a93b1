"""The settings `LIVEAVATAR_*`: the documented options of a LITE session in a LiveKit room."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

SANDBOX_AVATAR = "dd73ea75-1218-4ef3-92ce-606d5f7fbc0a"
"""The only avatar that LiveAvatar's sandbox accepts."""
SANDBOX_S = 60.0
"""Seconds after which LiveAvatar ends a session in the sandbox, about."""


class LiveAvatarSettings(ProviderSettings):
    """The settings of a LiveAvatar session, read from `LIVEAVATAR_*`.

    LiveAvatar applies its own default to each option that is None. The attributes without a
    description have the names and meanings of LiveAvatar's API reference.

    Attributes:
        api_key: API key of the LiveAvatar account.
        api_url: Base URL of the API, without a path.
        variant: Id of an avatar, as in `AVATAR_PROVIDER=liveavatar:<id>`; overrides `avatar_id`.
        avatar_id: Id of an avatar.
        is_sandbox: Whether sessions are free of charge. LiveAvatar ends such a session after about
            a minute, and accepts one avatar only.
        video_quality: The option `video_settings.quality`.
        video_encoding: The option `video_settings.encoding`.
        max_session_duration: Maximum duration of a session, in seconds.
    """

    model_config = SettingsConfigDict(env_prefix="LIVEAVATAR_")
    provider: ClassVar[str] = "liveavatar"

    api_key: SecretStr
    api_url: str = "https://api.liveavatar.com"
    variant: str = Field(default="", pattern="^([0-9a-fA-F-]{36})?$")
    avatar_id: str | None = Field(default=None, pattern="^[0-9a-fA-F-]{36}$")
    is_sandbox: bool = False
    video_quality: Literal["very_high", "high", "medium", "low"] | None = None
    video_encoding: Literal["VP8", "H264"] | None = None
    max_session_duration: int | None = Field(default=None, ge=1, le=86_400)

    @model_validator(mode="after")
    def _has_an_avatar(self) -> Self:
        if not self.avatar:
            raise ValueError("Set LIVEAVATAR_AVATAR_ID, or LIVEAVATAR_IS_SANDBOX=1 for a trial.")
        return self

    @property
    def avatar(self) -> str:
        """The id of the avatar; in the sandbox by default the one that the sandbox accepts."""
        chosen = self.variant or self.avatar_id
        return chosen or (SANDBOX_AVATAR if self.is_sandbox else "")

    def payload(self) -> dict[str, Any]:
        """Return the part of the request for a session token that the settings determine.

        Returns:
            The mode, the avatar and the options that are set, JSON-safe. The room is missing.
        """
        video = {"quality": self.video_quality, "encoding": self.video_encoding}
        video = {name: value for name, value in video.items() if value}
        options = {"video_settings": video, "max_session_duration": self.max_session_duration}
        body = {"mode": "LITE", "avatar_id": self.avatar, "is_sandbox": self.is_sandbox}
        return {**body, **{name: value for name, value in options.items() if value}}
