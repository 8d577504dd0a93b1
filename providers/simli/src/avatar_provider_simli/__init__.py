"""A provider for Simli, which creates a session token, and then a session in a LiveKit room."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionRequest
from avatar_provider_simli.settings import SimliSettings

__all__ = ["SimliProvider", "SimliSettings"]


class SimliProvider(avatar_core.RestAvatarProvider[SimliSettings]):
    """A provider that creates a session at Simli with two calls.

    The first call returns a session token, and costs nothing. The second call starts the session.
    Simli documents no call that ends a session, so avatar-core removes the participant of the
    avatar from the room.
    """

    name = "simli"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(audio=avatar_core.AudioFormat(16_000))
    auth = "x-simli-api-key"
    create, session_key = "POST /integrations/livekit/agents", "session_id"

    def setup(self) -> None:
        """Create the REST client, and set the capability `max_session_s` from the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        limit_s = float(self.settings.max_session_length)
        self.capabilities = replace(self.capabilities, max_session_s=limit_s)

    async def prepare(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Request a session token.

        Args:
            request: The deadline of the call.

        Returns:
            The session token, for the body of the request that starts the session.

        Raises:
            ProvisionError: Simli does not accept the key or the face, or the call failed.
        """
        return {"session_token": await self._create_token(request.deadline_s)}

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of the request that starts a session, without the session token.

        Args:
            request: The room to join.

        Returns:
            The URL of the LiveKit server and the room token.
        """
        token = SecretStr(request.avatar_token())
        return {"livekit_url": request.livekit_url, "livekit_token": token}

    async def probe(self) -> None:
        """Check the key and the face with a session token that is not used.

        Raises:
            ProvisionError: Simli does not accept the key or the face, or the call failed.
        """
        await self._create_token(None)

    async def _create_token(self, timeout_s: float | None) -> SecretStr:
        """Return a new session token. `timeout_s` is the deadline in seconds, or None."""
        body = self.settings.payload()
        response = await self.rest.call("POST", "/compose/token", body, timeout_s=timeout_s)
        return response.secret("session_token")
