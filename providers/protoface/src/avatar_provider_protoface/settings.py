"""The settings `PROTOFACE_*`: the documented options of a Protoface session in a LiveKit room."""

from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

ID = "^[A-Za-z0-9_-]*$"
OPTIONS = {"quality", "idle_timeout_seconds", "max_duration_seconds", "metadata"}
"""Settings that go to Protoface under their own names."""


class ProtofaceSettings(ProviderSettings):
    """The settings of a Protoface session, read from `PROTOFACE_*`.

    Protoface applies its own default to each option that is None.

    Attributes:
        api_key: API key of the Protoface account.
        api_url: Base URL of the API.
        variant: Id of an avatar, as in `AVATAR_PROVIDER=protoface:av_stock_001`; overrides
            `avatar_id`.
        avatar_id: Id of the avatar; by default a stock avatar that each account can use.
        quality: The quality tier, which also determines the price.
        idle_timeout_seconds: Seconds without speech of the agent after which Protoface ends the
            session. Protoface's own default is 30.
        max_duration_seconds: Maximum duration of a session in seconds. Protoface applies the limit
            of your plan if the limit is lower.
        metadata: Your own data, which Protoface stores with the session: a flat JSON object.
    """

    model_config = SettingsConfigDict(env_prefix="PROTOFACE_")
    provider: ClassVar[str] = "protoface"

    api_key: SecretStr
    api_url: str = "https://api.protoface.com"
    variant: str = Field(default="", pattern=ID)
    avatar_id: str = Field(default="av_stock_001", min_length=1, pattern=ID)
    quality: Literal["mock", "lite", "standard", "pro"] | None = None
    idle_timeout_seconds: int = Field(default=300, ge=1, le=600)
    max_duration_seconds: int | None = Field(default=None, ge=1, le=3600)
    metadata: dict[str, str | int | float | bool | None] | None = None

    @property
    def avatar(self) -> str:
        """The id of the avatar that the settings select."""
        return self.variant or self.avatar_id

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The id of the avatar and all options that are set, JSON-safe. The room is missing.
        """
        options = self.model_dump(mode="json", include=OPTIONS, exclude_none=True)
        return {"avatar_id": self.avatar, **options}
