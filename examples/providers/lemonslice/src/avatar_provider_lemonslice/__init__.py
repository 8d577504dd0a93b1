"""A provider for LemonSlice (as livekit-plugins-lemonslice 1.8.9); cold starts take minutes."""

from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

import avatar_core


class LemonSliceSettings(avatar_core.ProviderSettings):
    """The settings of the LemonSlice provider; `idle_timeout` is in seconds."""

    model_config = SettingsConfigDict(env_prefix="LEMONSLICE_")
    provider: ClassVar[str] = "lemonslice"
    api_key: SecretStr
    agent_id: str
    idle_timeout: int = 60


class LemonSliceProvider(avatar_core.RestAvatarProvider[LemonSliceSettings]):
    """A provider that creates and ends sessions at LemonSlice with POST requests."""

    name = "lemonslice"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000), reports_started=True, expected_join_s=75.0
    )
    url, auth = "https://lemonslice.com/api", "X-API-Key"
    create, session_key = "POST /liveai/sessions", "session_id"
    end, end_payload = "POST /liveai/sessions/{id}/control", {"event": "terminate"}

    def payload(self, request: avatar_core.ProvisionRequest) -> dict[str, Any]:
        """Return the body of the create request: the agent, the idle timeout, and the room."""
        token = SecretStr(request.avatar_token())
        room = {"livekit_url": request.livekit_url, "livekit_token": token}
        chosen = {"agent_id": self.settings.agent_id, "idle_timeout": self.settings.idle_timeout}
        return {"transport_type": "livekit", "properties": room, **chosen}
