"""Access tokens for one LiveKit room, with as few grants as an avatar needs."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt

from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.settings import LiveKitSettings

CLOCK_SKEW_S = 10
"""A token is valid from so much before now, because the server's clock may be behind ours."""
JOIN_MARGIN_S = 60.0
"""Added to the time to join: for clocks that differ, and for a reconnect during the join."""


def token_lifetime_s(provision_s: float, join_s: float) -> float:
    """Return how many seconds an avatar's token is valid: until its avatar must have joined.

    The server gives each participant that is connected new tokens, so a session may last longer.

    Args:
        provision_s: Most seconds of provisioning, during which the token is made.
        join_s: Most seconds from then until the avatar has joined.
    """
    return provision_s + join_s + JOIN_MARGIN_S


def mint_once_per_spec(mint: Callable[[TokenSpec], str]) -> Callable[[TokenSpec], str]:
    """Wrap `mint` so that equal specifications get the same token.

    A retry of a request then sends the same bytes. Some vendors recognise by the token that they
    have created the session already.

    Args:
        mint: Returns a token for a specification.

    Returns:
        The wrapped function; it remembers the tokens.
    """
    minted: list[tuple[TokenSpec, str]] = []

    def mint_or_recall(spec: TokenSpec) -> str:
        """Return the token of an equal `spec`, or else a new one."""
        for known, token in minted:
            if known == spec:
                return token
        minted.append((spec, mint(spec)))
        return minted[-1][1]

    return mint_or_recall


class TokenMint:
    """Signs tokens to join one room. Its repr shows neither the key nor the secret.

    Args:
        settings: The API key and secret of the LiveKit server.
        room_name: The room that every token is for.
        unix_time: Returns Unix seconds.

    Raises:
        ConfigError: The room has no name.
    """

    def __init__(
        self,
        settings: LiveKitSettings,
        room_name: str,
        *,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        if not room_name:
            raise ConfigError(
                "a token for a room without a name would be valid in every room.",
                hint="Give the room a name.",
            )
        self._settings = settings
        self._room_name = room_name
        self._unix_time = unix_time

    def mint(self, spec: TokenSpec) -> str:
        """Sign a token, valid from now for `spec.ttl_s` seconds.

        Args:
            spec: The identity, the attributes and the grants.

        Returns:
            The token, a JWT.

        Raises:
            ConfigError: The specification has no identity.
        """
        if not spec.identity:
            raise ConfigError("a room token needs an identity.", hint="Set TokenSpec.identity.")
        now = int(self._unix_time())
        claims = {
            "iss": self._settings.api_key.get_secret_value(),
            "sub": spec.identity,
            "nbf": now - CLOCK_SKEW_S,
            "exp": now + round(spec.ttl_s),
            "name": spec.name or spec.identity,
            "kind": "agent",
            "attributes": dict(spec.attributes),
            "video": {
                "roomJoin": True,
                "room": self._room_name,
                "canPublish": True,
                "canPublishSources": ["camera", "microphone"],
                "canSubscribe": spec.can_subscribe,
                "canPublishData": True,
                "canUpdateOwnMetadata": False,
            },
        }
        return jwt.encode(claims, self._settings.api_secret.get_secret_value(), algorithm="HS256")

    def __repr__(self) -> str:
        return f"<TokenMint for the room {self._room_name!r}>"
