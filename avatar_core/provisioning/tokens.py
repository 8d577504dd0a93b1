"""Tokens for one LiveKit room, with the least grants that do."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt

from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.settings import LiveKitSettings

CLOCK_SKEW_S = 10
UNCAPPED_S = 3600.0
SLACK_S = 300.0


def lifetime_s(max_session_s: float | None) -> float:
    """How long the token of an avatar lives: as its session may, and the time to join."""
    return (max_session_s or UNCAPPED_S) + SLACK_S


def same_again(mint: Callable[[TokenSpec], str]) -> Callable[[TokenSpec], str]:
    """Mints the same token for the same spec, so that a retry sends what was sent before.

    Some vendors tell by its token what they have created already.
    """
    minted: list[tuple[TokenSpec, str]] = []

    def once(spec: TokenSpec) -> str:
        for known, token in minted:
            if known == spec:
                return token
        minted.append((spec, mint(spec)))
        return minted[-1][1]

    return once


class TokenMint:
    """Signs tokens to join one room; neither key nor secret shows in its repr.

    Args:
        settings: Where the key and the secret come from.
        room_name: The room that every token is for.
        unix_time: Seconds since 1970.
    """

    def __init__(
        self,
        settings: LiveKitSettings,
        room_name: str,
        *,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        if not room_name:
            raise ConfigError("a token for a room without a name would open every room.")
        self._settings = settings
        self._room_name = room_name
        self._unix_time = unix_time

    def mint(self, spec: TokenSpec) -> str:
        """Sign a token for `spec`, valid from now for `spec.ttl_s` seconds.

        Raises:
            ConfigError: It names nobody.
        """
        if not spec.identity:
            raise ConfigError("a room token needs an identity.")
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
