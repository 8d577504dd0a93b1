"""A provider for Anam, based on livekit-plugins-anam 1.8.9; the API cannot end a session."""

from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

import avatar_core


class AnamSettings(avatar_core.ProviderSettings):
    """The settings of the Anam provider, read from `ANAM_*`."""

    model_config = SettingsConfigDict(env_prefix="ANAM_")
    provider: ClassVar[str] = "anam"
    api_key: SecretStr
    api_url: str = "https://api.anam.ai"
    avatar_id: str
    name: str = "avatar"


class AnamProvider(avatar_core.RestAvatarProvider[AnamSettings]):
    """A provider that creates a session at Anam with one POST request."""

    name = "anam"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000), reports_started=True
    )
    create, session_key = "POST /v1/engine/session", "sessionId"

    def payload(self, request: avatar_core.ProvisionRequest) -> dict[str, Any]:
        """Return the body of the create request: a persona without language model, and the room."""
        persona = {"type": "ephemeral", "llmId": "CUSTOMER_CLIENT_V1"}
        persona |= {"name": self.settings.name, "avatarId": self.settings.avatar_id}
        token = SecretStr(request.avatar_token())
        room = {"livekitUrl": request.livekit_url, "livekitToken": token}
        return {"personaConfig": persona, "environment": room}
