"""Where a key may be sent."""

from __future__ import annotations

from urllib.parse import urlsplit

from avatar_core.contracts.errors import ConfigError
from avatar_core.net import is_loopback


def checked(url: str, provider: str | None) -> str:
    """The address without a slash at its end.

    Raises:
        ConfigError: It is none, or would carry a key in the clear.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # its message quotes what may be a password
        parts, host = urlsplit(""), ""
    like = "Write it like https://api.example.com."
    odd = any(not letter.isprintable() or letter.isspace() for letter in url.strip())
    if odd or parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment:
        raise ConfigError("its address is no http address.", provider=provider, hint=like)
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "its address must not carry a user or a password.", provider=provider, hint=like
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"http to {host} would carry the key in the clear.",
            provider=provider,
            hint="Use https; plain http is for this machine alone.",
        )
    return url.strip().rstrip("/")
