"""Correct providers, one of each shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

import avatar_core
from avatar_core import Capabilities, ProvisionedAvatar, ProvisionRequest, SafeRetry


class AcmeSettings(avatar_core.ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="ACME_")
    provider: ClassVar[str] = "acme"
    api_key: SecretStr
    face_id: str = "face-0"
    api_url: str | None = None


class AcmeProvider(avatar_core.RestAvatarProvider[AcmeSettings]):
    """The vendor has an end request, and neither an idempotency key nor a list of sessions."""

    name = "acme"
    api_version = (1, 0)
    capabilities = Capabilities(audio=avatar_core.AudioFormat(24_000))
    url = "https://api.acme.example"
    create, end = "POST /v1/sessions", "POST /v1/sessions/{id}/end"

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        return {
            "name": request.key,
            "livekit_url": request.livekit_url,
            "token": SecretStr(request.avatar_token()),
            "face": self.settings.face_id,
        }


class KeyProvider(AcmeProvider):
    """The vendor accepts an idempotency key."""

    idempotency = "Idempotency-Key"


class LookupProvider(AcmeProvider):
    """The vendor lists its sessions."""

    capabilities = Capabilities(audio=avatar_core.AudioFormat(24_000), safe_retry=SafeRetry.LOOKUP)

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        response = await self.rest.call("GET", f"/v1/sessions?name={quote(key, safe='')}")
        for found in response.elements("data"):
            return ProvisionedAvatar(session_id=found.text("id"), identity="")
        return None


class EndlessProvider(AcmeProvider):
    """The vendor's API cannot end a session."""

    end = ""


class FlashSettings(avatar_core.ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="FLASHES_")
    provider: ClassVar[str] = "flashes"
    size: int = 512


class FlashesProvider(avatar_core.RendererProvider[FlashSettings]):
    """The worker draws with a renderer of the package."""

    name = "flashes"
    api_version = (1, 0)
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    def options(self) -> Mapping[str, Any]:
        return {"width": self.settings.size, "height": self.settings.size}
