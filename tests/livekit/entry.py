"""How tests and applications get into a room of the server."""

from __future__ import annotations

from livekit import api
from pydantic import SecretStr

from avatar_core.settings import LiveKitSettings
from avatar_core.testing.server import DevServer


def settings_of(server: DevServer, **changes: str) -> LiveKitSettings:
    """How an application is told of the server."""
    values = {"url": server.url, "api_key": server.api_key, "api_secret": server.api_secret}
    values |= changes
    return LiveKitSettings.model_construct(
        url=values["url"],
        api_key=SecretStr(values["api_key"]),
        api_secret=SecretStr(values["api_secret"]),
    )


def token(
    server: DevServer,
    room_name: str,
    identity: str,
    kind: str = "standard",
    attributes: dict[str, str] | None = None,
) -> str:
    """A token of the server, with every grant that a participant has by default."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(identity)
        .with_kind(kind)  # type: ignore[arg-type]
        .with_attributes(attributes or {})
        .with_grants(api.VideoGrants(room_join=True, room=room_name))
        .to_jwt()
    )
