"""Checks of URLs and hosts: whether they are valid, on this machine, or public."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, Outcome, UnavailableError

_PRIVATE = (
    *(".arpa", ".corp", ".home", ".internal", ".invalid", ".lan", ".local"),
    *(".localdomain", ".localhost", ".test"),
)
"""Suffixes of host names that resolve only inside a local network, or nowhere."""
MEMORY_URL = "wss://memory.invalid"
"""The URL of a room in memory. The suffix `.invalid` is reserved, so no server can have the URL."""
_DIGITS = frozenset("0123456789")


def is_public(host: str) -> bool:
    """Return whether a server on the internet can probably reach a host, judged by its name alone.

    Args:
        host: A host name or an IP address, without a port.

    Returns:
        False for a private address, a name without a dot, and a name with the suffix of a local
        network.
    """
    host = host.lower().rstrip(".")
    try:
        return ip_address(host).is_global
    except ValueError:
        *before, last = host.split(".")
        number = last.startswith("0x") or _DIGITS.issuperset(last)  # 127.1, 2130706433, 0x7f.1
        return bool(before) and not number and not host.endswith(_PRIVATE)


def is_loopback(host: str) -> bool:
    """Return whether a host is the loopback interface of this machine.

    Args:
        host: A host name or an IP address, without a port.

    Returns:
        True for `localhost` and loopback addresses; other names are not resolved.
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_request(host: str, origin: str | None) -> bool:
    """Return whether a request to a server on the loopback interface may come from a web page.

    With DNS rebinding, a page of another site reaches the server under the site's own host name, so
    `Host` must name this machine. `Origin` must name the server itself, because a page of another
    site can send requests to this machine too.

    Args:
        host: The header `Host`.
        origin: The header `Origin`; None if the request has no header `Origin`. Most programs other
            than browsers do not send the header.

    Returns:
        True if the server may respond.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        page = urlsplit(origin).netloc if origin is not None else host
    except ValueError:
        return False
    return is_loopback(name) and page.lower() == host.lower()


def check_url(url: str, provider: str | None) -> str:
    """Check the URL of a vendor's API, and remove white space around it and slashes at its end.

    Args:
        url: The URL of a vendor's API.
        provider: The name of the provider, for errors; None if there is none.

    Returns:
        The cleaned URL.

    Raises:
        ConfigError: The URL is invalid, contains a user name or a password, or is plain http to
            another machine.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # its message quotes text that may be a password
        parts, host = urlsplit(""), ""
    example = "Write it like https://api.example.com."
    odd = any(not letter.isprintable() or letter.isspace() for letter in url.strip())
    if odd or parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment:
        raise ConfigError(
            "the URL is invalid: expected https:// or http:// and a host, without a query.",
            provider=provider,
            hint=example,
            code=ErrorCode.INVALID_URL,
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            "the URL must not contain a user name or a password.",
            provider=provider,
            hint=example,
            code=ErrorCode.INVALID_URL,
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"plain http to {host} would send the API key unencrypted.",
            provider=provider,
            hint="Use https; plain http is allowed only to this machine.",
            code=ErrorCode.INVALID_URL,
        )
    return url.strip().rstrip("/")


def check_socket_url(url: str, provider: str | None) -> str:
    """Check the URL of a vendor's WebSocket, whose query may contain a token.

    Args:
        url: The URL.
        provider: The name of the provider, for errors; None if there is none.

    Returns:
        The URL without white space around it.

    Raises:
        ConfigError: The URL is invalid, contains a user name or a password, or is plain ws to
            another machine. The message does not quote the URL.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # its message quotes text that may be a token
        parts, host = urlsplit(""), ""
    odd = any(not letter.isprintable() or letter.isspace() for letter in url.strip())
    if odd or parts.scheme not in ("wss", "ws") or not host or "@" in parts.netloc:
        raise ConfigError(
            "the URL of the socket is invalid: expected wss:// and a host, without a user name.",
            provider=provider,
            hint="Write it like wss://api.example.com/stream.",
        )
    if parts.scheme == "ws" and not is_loopback(host):
        raise ConfigError(
            f"plain ws to {host} would send the token unencrypted.",
            provider=provider,
            hint="Use wss; plain ws is allowed only to this machine.",
        )
    return url.strip()


def ensure_reachable(vendor_url: str, livekit_url: str, provider: str) -> None:
    """Check that the vendor's servers can connect to the LiveKit server.

    A vendor on this machine can connect to every server; any other vendor can connect to public
    servers only.

    Args:
        vendor_url: The URL of the vendor's API.
        livekit_url: The URL of the LiveKit server; `MEMORY_URL` for an in-memory room.
        provider: The name of the provider, for the error.

    Raises:
        UnavailableError: The vendor cannot connect to the room; the outcome is NOT_SENT.
    """
    vendor, server = (urlsplit(url).hostname or "" for url in (vendor_url, livekit_url))
    if is_loopback(vendor) or is_public(server):
        return
    in_memory = livekit_url in ("", MEMORY_URL)
    raise UnavailableError(
        f"the vendor's servers cannot connect to {'an in-memory room' if in_memory else server}.",
        provider=provider,
        hint="Set `transport` of the provider class to the `transport` of a FakeVendor."
        if in_memory
        else "Set LIVEKIT_URL to a public URL, for example one of LiveKit Cloud.",
        outcome=Outcome.NOT_SENT,
        code=ErrorCode.ROOM_NOT_PUBLIC,
    )
