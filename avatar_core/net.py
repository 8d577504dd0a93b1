"""Addresses: which are valid, which are this machine, and which everybody can reach."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from avatar_core.contracts.errors import ConfigError, Outcome, UnavailableError

_PRIVATE = (
    *(".arpa", ".corp", ".home", ".internal", ".invalid", ".lan", ".local"),
    *(".localdomain", ".localhost", ".test"),
)
"""Names that end so are known to nobody outside."""
_DIGITS = frozenset("0123456789")


def is_public(host: str) -> bool:
    """Whether a server elsewhere can reach that host, as far as its name tells."""
    host = host.lower().rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        *before, last = host.split(".")
        number = last.startswith("0x") or _DIGITS.issuperset(last)  # 127.1, 2130706433, 0x7f.1
        return bool(before) and not number and not host.endswith(_PRIVATE)


def is_loopback(host: str) -> bool:
    """Whether that host is this machine, and reached by nobody else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, provider: str | None) -> str:
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


def ensure_reachable(vendor_url: str, livekit_url: str, provider: str) -> None:
    """A vendor elsewhere reaches public servers alone; one on this machine all that we do.

    Raises:
        UnavailableError: It cannot reach the room; nothing was sent.
    """
    vendor, server = (urlsplit(url).hostname or "" for url in (vendor_url, livekit_url))
    if is_loopback(vendor) or is_public(server):
        return
    raise UnavailableError(
        f"its servers cannot reach {server or 'a room in memory'}.",
        provider=provider,
        hint="Set LIVEKIT_URL to a public address, like LiveKit Cloud's.",
        outcome=Outcome.NOT_SENT,
    )
