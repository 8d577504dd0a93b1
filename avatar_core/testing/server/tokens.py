"""Settings and access tokens for the rooms of a test's livekit-server."""

from __future__ import annotations

from typing import Any

from livekit import api
from pydantic import SecretStr

from avatar_core.settings import LiveKitSettings
from avatar_core.testing.server import DevServer


def livekit_settings(server: DevServer, **overrides: str) -> LiveKitSettings:
    """Return the LiveKit settings of an application that uses the server.

    Args:
        server: The livekit-server.
        overrides: Other values for `url`, `api_key` or `api_secret`.

    Returns:
        The settings.
    """
    values = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    values |= overrides
    return LiveKitSettings.model_construct(
        url=values["url"],
        api_key=SecretStr(values["api_key"]),
        api_secret=SecretStr(values["api_secret"]),
    )


def create_token(
    server: DevServer,
    room_name: str,
    identity: str,
    kind: str = "standard",
    attributes: dict[str, str] | None = None,
    **grants: Any,
) -> str:
    """Return an access token with the default grants of a participant.

    Args:
        server: The livekit-server.
        room_name: The room that the token admits to.
        identity: Identity of the participant.
        kind: Kind of the participant, such as `standard` or `agent`.
        attributes: Attributes of the participant.
        grants: Further grants, by their name in `VideoGrants`.

    Returns:
        The token, a JWT.
    """
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        .with_kind(kind)  # type: ignore[arg-type]
        .with_attributes(attributes or {})
        .with_grants(api.VideoGrants(room_join=True, room=room_name, **grants))
        .to_jwt()
    )
