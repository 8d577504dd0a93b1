"""A provider for Anam, which creates sessions in LiveKit rooms and finds them by their label."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

import avatar_core
from avatar_core import ProvisionedAvatar, ProvisionRequest
from avatar_provider_anam.settings import AnamSettings

__all__ = ["AnamProvider", "AnamSettings"]


class AnamProvider(avatar_core.RestAvatarProvider[AnamSettings]):
    """A provider that creates a session at Anam with a unique label.

    Anam's call that stops a session responds with 404 for a session in a LiveKit room, so the class
    declares no `end`: avatar-core removes the participant of the avatar from the room.
    """

    name = "anam"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(
        audio=avatar_core.AudioFormat(24_000),
        reports_started=True,
        safe_retry=avatar_core.SafeRetry.LOOKUP,
        expected_join_s=5.0,
    )
    create, session_key = "POST /v1/engine/session", "sessionId"

    def setup(self) -> None:
        """Create the REST client, and set the capability `max_session_s` from the settings.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
        super().setup()
        limit_s = float(self.settings.max_session_length_seconds)
        self.capabilities = replace(self.capabilities, max_session_s=limit_s)

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of a create request.

        Args:
            request: The room to join, and the key that becomes the label of the session.

        Returns:
            The persona and the options of the settings, the label, and in `environment` the URL of
            the LiveKit server and the room token.
        """
        token = SecretStr(request.avatar_token())
        room = {"livekitUrl": request.livekit_url, "livekitToken": token}
        return {**self.settings.payload(), "clientLabel": request.key, "environment": room}

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find an active session by its label.

        Args:
            key: The label of the session, which is the `key` of its provision request.

        Returns:
            A record with the id of the session and without an identity; None if Anam has no session
            with this label, or the session has ended.

        Raises:
            ProvisionError: A call failed, or the response is malformed.
        """
        path = f"/v1/sessions?search={quote(key, safe='')}&perPage=100&page={{page}}"
        found = await self.rest.find(path, "clientLabel", key)
        if found is None or "endTime" in found:
            return None
        return ProvisionedAvatar(session_id=found.text("id"), identity="")

    async def probe(self) -> None:
        """Check the key and the avatar, without a paid session.

        Raises:
            ProvisionError: Anam does not accept the key or has no such avatar, or the call failed.
        """
        await self.rest.call("GET", f"/v1/avatars/{self.settings.avatar}")
