"""The settings `BEY_*`: the documented options of a Beyond Presence session in a LiveKit room."""

from typing import Any, ClassVar

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core import ProviderSettings

STOCK_AVATAR = "b9be11b8-89fb-4227-8f86-4a881393cbdb"
"""An avatar of Beyond Presence, for accounts without their own (livekit-plugins-bey 1.8.9)."""


class BeySettings(ProviderSettings):
    """The settings of a Beyond Presence session, read from `BEY_*`.

    Attributes:
        api_key: API key of the account.
        api_url: Base URL of the API.
        variant: Id of an avatar, as in `AVATAR_PROVIDER=bey:b9be11b8-89fb-4227-8f86-4a881393cbdb`;
            overrides `avatar_id`.
        avatar_id: Id of the avatar.
        max_session_s: Seconds after which Beyond Presence ends a session of this account; None
            means no limit. Beyond Presence does not receive the value.
    """

    model_config = SettingsConfigDict(env_prefix="BEY_")
    provider: ClassVar[str] = "bey"

    api_key: SecretStr
    api_url: str = "https://api.bey.dev"
    variant: str = Field(default="", pattern="^[A-Za-z0-9_-]*$")
    avatar_id: str = Field(default=STOCK_AVATAR, pattern="^[A-Za-z0-9_-]+$")
    max_session_s: float | None = Field(default=None, ge=60, le=86_400)

    @property
    def avatar(self) -> str:
        """The id of the avatar."""
        return self.variant or self.avatar_id

    def payload(self) -> dict[str, Any]:
        """Return the part of a create request's body that the settings determine.

        Returns:
            The transport and the avatar, JSON-safe. The room is missing.
        """
        return {"transport": "livekit", "avatar_id": self.avatar}
