"""The settings of the provider for Zenith."""

from __future__ import annotations

from typing import ClassVar

from avatar_core import ProviderSettings
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict


class ZenithSettings(ProviderSettings):
    """The settings, read from `ZENITH_*`.

    Attributes:
        api_key: The API key of the account.
        api_url: The address of the API.
        face_id: The id of the face.
    """

    model_config = SettingsConfigDict(env_prefix="ZENITH_")
    provider: ClassVar[str] = "zenith"

    api_key: SecretStr
    api_url: str = "https://api.zenith.example"
    face_id: str = "face-1"
