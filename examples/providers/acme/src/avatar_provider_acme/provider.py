"""The requests that create and end sessions at Acme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core import AudioFormat, Capabilities, ProvisionRequest, RestAvatarProvider
from pydantic import SecretStr

from avatar_provider_acme.settings import AcmeSettings


class AcmeProvider(RestAvatarProvider[AcmeSettings]):
    """The provider for Acme."""

    name = "acme"
    api_version = (1, 0)
    capabilities = Capabilities(
        audio=AudioFormat(24_000),  # the format that the vendor's worker expects
        expected_join_s=3.0,  # the typical time from the request to the first video frame
    )
    auth = "Authorization: Bearer"  # the header of the API key
    create = "POST /v1/sessions"
    session_key = "id"  # the key of the session id in the response
    end = "POST /v1/sessions/{id}/end"
    idempotency = "Idempotency-Key"  # empty if the vendor accepts no such header

    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the body of the request that creates a session.

        Args:
            request: The room to join, and the function that creates the room token.

        Returns:
            The body.
        """
        return {
            "name": request.key,
            "face_id": self.settings.face_id,
            "livekit_url": request.livekit_url,
            "livekit_token": SecretStr(request.avatar_token()),
        }
