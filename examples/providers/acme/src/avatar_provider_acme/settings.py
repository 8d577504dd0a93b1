"""The settings of the provider for Acme."""

from __future__ import annotations

from typing import ClassVar

from avatar_core import ProviderSettings
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict


class AcmeSettings(ProviderSettings):
    """The settings, read from `ACME_*`.

    Attributes:
        api_key: The API key of the account.
        api_url: The address of the API.
        face_id: The id of the face.
    """

    model_config = SettingsConfigDict(env_prefix="ACME_")
    provider: ClassVar[str] = "acme"

    api_key: SecretStr
    api_url: str = "https://api.acme.example"
    face_id: str = "face-1"
