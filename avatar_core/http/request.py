"""A REST request, with its JSON body, its secrets, and whether the request was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

_TOKEN = re.compile(r"\b[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
MIN_SECRET_CHARS = 8
"""The length below which error messages do not replace a secret."""
LONG_SECRET_CHARS = 16
"""The length from which error messages replace a secret also within a longer word."""
_CONNECTING = "connection.connect_tcp.started"
_SENDING = ".send_request_headers.started"


class PayloadError(Exception):
    """A payload cannot be encoded as JSON. The error message does not quote the payload."""


class Request:
    """A REST request. `RestClient` creates one object for each call.

    Args:
        method: HTTP method.
        path: Path below the vendor's URL, with its query.
        key: The API key that the request carries, or None.

    Attributes:
        method: HTTP method.
        path: Path below the vendor's URL, with its query.
        secrets: The secrets that the request contains. Error messages must not quote the secrets.
        sent: Whether the vendor may have received the request.
    """

    def __init__(self, method: str, path: str, key: SecretStr | None) -> None:
        self.method = method
        self.path = path
        self.secrets = [] if key is None else [key]
        self.sent = True

    @property
    def name(self) -> str:
        """The method and the path, without query and secrets, for example `POST /v1/sessions`."""
        return redact(f"{self.method} {self.path.partition('?')[0]}", self.secrets)

    def encode(self, payload: Any) -> bytes:
        """Encode a payload as JSON, with the plain values of its secrets.

        Args:
            payload: A JSON value, which may contain `SecretStr` at any depth.

        Returns:
            The JSON text in UTF-8.

        Raises:
            PayloadError: The payload cannot be encoded as JSON.
        """
        try:
            text = json.dumps(payload, default=self._reveal, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            text = ""
        if not text:
            raise PayloadError
        return text.encode()

    def reveal(self, headers: Mapping[str, str | SecretStr]) -> dict[str, str]:
        """Return the headers with the plain values of their secrets.

        Args:
            headers: Header values by name.

        Returns:
            The plain header values by name.
        """
        return {
            name: self._reveal(value) if isinstance(value, SecretStr) else value
            for name, value in headers.items()
        }

    async def trace(self, event: str, _: object) -> None:
        """Record in `sent` whether httpx has sent the request.

        httpx calls this method as its extension `trace`. Without any call the request counts as
        sent.

        Args:
            event: The name of the httpcore event.
            _: The details of the event, which are not used.
        """
        if event == _CONNECTING:
            self.sent = False
        elif event.endswith(_SENDING):
            self.sent = True

    def _reveal(self, value: object) -> str:
        if not isinstance(value, SecretStr):
            raise TypeError
        self.secrets.append(value)
        return value.get_secret_value()


def redact(text: str, secrets: Iterable[SecretStr]) -> str:
    """Replace secrets and JWTs in a text.

    A secret of fewer than `MIN_SECRET_CHARS` is not replaced: no vendor issues such a key, and a
    test key such as `tok` is a part of many words. A secret of fewer than `LONG_SECRET_CHARS` is
    replaced unless the secret is a part of a longer word.

    Args:
        text: A text that may contain secrets, in plain, URL-encoded or JSON-encoded form.
        secrets: The secrets that the function replaces by `<secret>`.

    Returns:
        The text without secrets, and with `<token>` in place of each JWT.
    """
    forms: set[str] = set()
    for secret in secrets:
        value = secret.get_secret_value()
        if len(value) >= MIN_SECRET_CHARS:
            forms |= {value, quote(value, safe=""), json.dumps(value)[1:-1]}
    if forms:  # the longest first, because a secret may be the beginning of another
        patterns = map(_pattern_of, sorted(forms, key=len, reverse=True))
        text = re.sub("|".join(patterns), "<secret>", text)
    return _TOKEN.sub("<token>", text)


def _pattern_of(form: str) -> str:
    pattern = re.escape(form)
    if len(form) >= LONG_SECRET_CHARS:
        return pattern
    return f"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{{2}})){pattern}(?![A-Za-z0-9])"
