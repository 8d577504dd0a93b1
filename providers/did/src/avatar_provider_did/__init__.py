"""A provider for D-ID, which lets Expressive Agents join LiveKit rooms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

import avatar_core
from avatar_provider_did.settings import DidSettings

__all__ = ["DidProvider", "DidSettings"]


class DidProvider(avatar_core.RestAvatarProvider[DidSettings]):
    """A provider that creates a session at D-ID with one call.

    D-ID documents no call that ends such a session, so avatar-core removes the participant of the
    avatar from the room.
    """

    name = "did"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities()
    auth = "Authorization: Basic"
    create = "POST /v2/agents/{settings.agent}/sessions/join"

    def setup(self) -> None:
        """Create the REST client, and adapt audio format and session limit to the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        audio = avatar_core.AudioFormat(self.settings.sample_rate)
        limit_s = self.settings.max_session_s
        self.capabilities = replace(self.capabilities, audio=audio, max_session_s=limit_s)

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join.

        Returns:
            The audio format, and the room in `transport`.
        """
        room = {
            "provider": "livekit",
            "server_url": request.livekit_url,
            "token": SecretStr(request.avatar_token()),
            "room_name": request.room_name,
        }
        return {"transport": room, **self.settings.payload()}

    async def probe(self) -> None:
        """Check the key and the agent, without a paid session. The agent must be expressive.

        Raises:
            ProvisionError: D-ID does not accept the key, or has no such agent; the agent is not
                expressive; or the call failed.
        """
        id = self.settings.agent
        shown = await self.rest.call("GET", f"/agents/{id}")
        if (kind := shown.text("presenter.type", "expressive")) != "expressive":
            raise self.invalid_config(
                f"the agent {id} has the type {kind}, and cannot join LiveKit rooms.",
                "Create an Expressive Agent (a V4 avatar).",
            )
