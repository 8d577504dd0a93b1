"""Access tokens for one LiveKit room, with only the grants that an avatar needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import jwt

from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.settings import LiveKitSettings

CLOCK_SKEW_S = 10
"""Seconds before now from which a token is valid. The clock of the server may be behind the clock
of the agent."""
JOIN_MARGIN_S = 60.0
"""Seconds that avatar-core adds to the time to join, because clocks differ and because a
participant may reconnect during the join."""


def token_lifetime_s(provision_s: float, join_s: float) -> float:
    """Return the lifetime of an avatar's room token in seconds.

    The server sends new tokens to each connected participant, so a session may last longer.

    Args:
        provision_s: Longest duration of provisioning in seconds. avatar-core creates the token when
            provisioning starts.
        join_s: Longest time from the end of provisioning to the join, in seconds.

    Returns:
        The time until the avatar must have joined plus `JOIN_MARGIN_S`, in seconds.
    """
    return provision_s + join_s + JOIN_MARGIN_S


def mint_once_per_spec(mint: Callable[[TokenSpec], str]) -> Callable[[TokenSpec], str]:
    """Wrap `mint` so that equal specifications get the same token.

    With the same token, a repeated request contains the same bytes. Some vendors recognise a
    repeated request by its token.

    Args:
        mint: A function that returns a token for a specification.

    Returns:
        The wrapped function, which stores the tokens that it has returned.
    """
    minted: list[tuple[TokenSpec, str]] = []

    def mint_or_recall(spec: TokenSpec) -> str:
        """Return the stored token of an equal specification, or else a new token.

        Args:
            spec: The specification.

        Returns:
            The token, a JWT.

        Raises:
            AvatarError: `mint` cannot create the token.
        """
        for known, token in minted:
            if known == spec:
                return token
        minted.append((spec, mint(spec)))
        return minted[-1][1]

    return mint_or_recall


def mint_with_display(
    mint: Callable[[TokenSpec], str], identity: str, name: str, attributes: Mapping[str, str]
) -> Callable[[TokenSpec], str]:
    """Wrap `mint` so that the tokens of one participant contain a display name and attributes.

    Args:
        mint: A function that returns a token for a specification.
        identity: The identity of the participant. Other tokens stay as they are.
        name: The display name; an empty name keeps the name of the specification.
        attributes: The attributes. The attributes of the specification take precedence.

    Returns:
        The wrapped function.
    """

    def mint_displayed(spec: TokenSpec) -> str:
        """Return a token for a specification, with the display name and the attributes.

        Args:
            spec: The specification.

        Returns:
            The token, a JWT.

        Raises:
            AvatarError: `mint` cannot create the token.
        """
        if spec.identity == identity:
            merged = {**attributes, **spec.attributes}
            spec = replace(spec, name=name or spec.name, attributes=merged)
        return mint(spec)

    return mint_displayed


class TokenMint:
    """A signer of tokens for one room.

    The repr of the signer shows neither the API key nor the secret.

    Args:
        settings: The API key and secret of the LiveKit server.
        room_name: The name of the room that the tokens admit to.
        unix_time: A function that returns Unix time in seconds.

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
        """Create and sign a token that is valid for `spec.ttl_s` seconds from now.

        Args:
            spec: The identity, the attributes, the grants and the lifetime of the token.

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
