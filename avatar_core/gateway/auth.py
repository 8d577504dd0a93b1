"""Checks the access token of a request, and creates the tokens that end a session."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import jwt

from avatar_core.gateway.refusals import RefusalError
from avatar_core.settings import LiveKitSettings

CLOCK_SKEW_S = 10
BEARER = "bearer "


def check_token(authorization: str, livekit: LiveKitSettings) -> None:
    """Check that a request comes from an agent of this LiveKit project.

    The token must have the inference grant, which `livekit.agents.inference` adds (livekit-agents
    1.8.9). The room token of a user has the same signature and not this grant, so a user cannot
    create avatars.

    Args:
        authorization: The value of the header `Authorization`.
        livekit: The API key and secret that sign the tokens of the project.

    Raises:
        RefusalError: The token is missing, invalid or expired, or lacks the grant (status 401).
    """
    claims: dict[str, Any] = {}
    fault = ""
    if not authorization.lower().startswith(BEARER):
        fault = "The header `Authorization: Bearer <token>` is missing."
    else:
        try:
            claims = jwt.decode(
                authorization[len(BEARER) :].strip(),
                livekit.api_secret.get_secret_value(),
                algorithms=["HS256"],
                issuer=livekit.api_key.get_secret_value(),
                leeway=CLOCK_SKEW_S,
                options={"require": ["exp", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            fault = "The access token has expired."
        except jwt.PyJWTError:
            fault = (
                "The access token is not valid here. Use the LIVEKIT_API_KEY and the "
                "LIVEKIT_API_SECRET of the gateway."
            )
    grant = claims.get("inference")
    if not fault and not (isinstance(grant, dict) and grant.get("perform") is True):
        fault = "The access token has no inference grant."
    if fault:  # raised outside of the handlers, so that no chain of causes contains the token
        raise RefusalError(401, fault)


def terminate_token(livekit: LiveKitSettings, provider: str, session_id: str) -> str:
    """Create the token with which a client may end one session.

    Args:
        livekit: The secret that signs the token.
        provider: Name of the provider.
        session_id: The id of the session at the vendor.

    Returns:
        64 hexadecimal digits.
    """
    secret = livekit.api_secret.get_secret_value().encode()
    text = f"avatar-core terminate\n{provider}\n{session_id}".encode(errors="backslashreplace")
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def check_terminate_token(
    livekit: LiveKitSettings, provider: str, session_id: str, token: str
) -> None:
    """Check the token of a request that ends a session.

    Args:
        livekit: The secret that signed the token.
        provider: Name of the provider.
        session_id: The id of the session at the vendor.
        token: The token of the request.

    Raises:
        RefusalError: The token does not belong to the session (status 403).
    """
    expected = terminate_token(livekit, provider, session_id).encode()
    if not hmac.compare_digest(expected, token.encode(errors="backslashreplace")):
        raise RefusalError(403, "The terminate_token does not belong to this session.")
