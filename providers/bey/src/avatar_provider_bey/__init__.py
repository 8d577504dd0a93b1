"""A provider for Beyond Presence, which creates speech-to-video sessions in LiveKit rooms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

import avatar_core
from avatar_provider_bey.settings import BeySettings

__all__ = ["BeyProvider", "BeySettings"]


class BeyProvider(avatar_core.RestAvatarProvider[BeySettings]):
    """A provider that creates a session at Beyond Presence with one call.

    The API has no call that ends a session, so avatar-core removes the participant of the avatar
    from the room.
    """

    name = "bey"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(audio=avatar_core.AudioFormat(16_000))
    auth, create = "x-api-key", "POST /v1/sessions"

    def setup(self) -> None:
        """Create the REST client, and set the capability `max_session_s` from the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        limit_s = self.settings.max_session_s
        self.capabilities = replace(self.capabilities, max_session_s=limit_s)

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join.

        Returns:
            The transport, the avatar, the URL of the LiveKit server and the room token.
        """
        room = {"url": request.livekit_url, "token": SecretStr(request.avatar_token())}
        return {**self.settings.payload(), **room}

    async def probe(self) -> None:
        """Check the key and the avatar, without a paid session.

        Raises:
            ProvisionError: Beyond Presence does not accept the key, has no such avatar, or has not
                trained the avatar; or the call failed.
        """
        id = self.settings.avatar
        shown = await self.rest.call("GET", f"/v1/avatars/{id}")
        if (status := shown.text("status", "available")) != "available":
            raise self.invalid_config(
                f"the avatar {id} is not available ({status}).", "Choose another avatar."
            )
