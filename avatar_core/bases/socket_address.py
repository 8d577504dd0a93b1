"""The address of a vendor's WebSocket: its URL, and the secrets of its handshake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import SecretStr

from avatar_core.contracts.errors import ConfigError
from avatar_core.net import check_socket_url


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketAddress:
    """The URL of a vendor's WebSocket and the secrets of its handshake. Provisional.

    An address exists only in the memory of the agent's process. No record, log or error contains
    the address.

    Attributes:
        url: The URL with the scheme wss, or ws for a server on this machine. The query may contain
            a token.
        headers: Headers of the handshake, by name.
        protocols: Subprotocols that the handshake offers, which may contain a token.
        first: Messages that avatar-core sends right after each handshake, such as a token.
    """

    url: SecretStr
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    protocols: Sequence[SecretStr] = ()
    first: Sequence[SecretStr] = ()

    @property
    def secrets(self) -> list[SecretStr]:
        """The URL, the values of its query, and the other secrets, for the redaction of texts."""
        url = self.url.get_secret_value()
        values = [part.partition("=")[2] for part in url.partition("?")[2].split("&")]
        headers = [value.get_secret_value().rpartition(" ")[2] for value in self.headers.values()]
        plain = [SecretStr(value) for value in (*values, *headers) if value]
        return [self.url, *plain, *self.headers.values(), *self.protocols, *self.first]


def make_address(
    url: SecretStr, *, auth: str, token: SecretStr, first: Sequence[SecretStr] = ()
) -> SocketAddress:
    """Create the address of a socket whose handshake carries a token.

    Args:
        url: The URL.
        auth: The way in which the handshake carries the token: `?name` for the query, a header and
            a scheme such as `Authorization: Bearer`, or an empty string for none.
        token: The token.
        first: Messages that are sent right after each handshake.

    Returns:
        The address.
    """
    text, secret = url.get_secret_value(), token.get_secret_value()
    headers: dict[str, SecretStr] = {}
    if auth.startswith("?"):
        text += f"{'&' if '?' in text else '?'}{auth[1:]}={quote(secret, safe='')}"
    elif auth:
        name, _, scheme = (part.strip() for part in auth.partition(":"))
        headers[name] = SecretStr(f"{scheme} {secret}".strip())
    return SocketAddress(url=SecretStr(text), headers=headers, first=first)


def problem_of(address: SocketAddress) -> str:
    """Check the URL of an address.

    Args:
        address: The address.

    Returns:
        The problem as a sentence, without the URL; empty if the URL is valid.
    """
    try:
        check_socket_url(address.url.get_secret_value(), None)
    except ConfigError as error:
        return error.message
    return ""
