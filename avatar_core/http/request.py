"""One REST request: its JSON body, its secrets, and whether the vendor may have received it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

_TOKEN = re.compile(r"\b[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
_CONNECTING = "connection.connect_tcp.started"
_SENDING = ".send_request_headers.started"


class PayloadError(Exception):
    """A payload cannot be encoded as JSON; the message quotes nothing of it."""


class Request:
    """A REST request from its creation to its response.

    Args:
        method: HTTP method.
        path: Path below the vendor's URL, with its query.
        key: The API key that the request carries, or None.

    Attributes:
        method: HTTP method.
        path: Path below the vendor's URL, with its query.
        secrets: The secrets that the request reveals to the vendor; messages must not quote them.
        sent: Whether the vendor may have received the request.
    """

    def __init__(self, method: str, path: str, key: SecretStr | None) -> None:
        self.method = method
        self.path = path
        self.secrets = [] if key is None else [key]
        self.sent = True

    @property
    def name(self) -> str:
        """Method and path without the query and without secrets, as in `POST /v1/sessions`."""
        return redact(f"{self.method} {self.path.partition('?')[0]}", self.secrets)

    def encode(self, payload: Any) -> bytes:
        """Return the payload as JSON in UTF-8, with its secrets revealed.

        Args:
            payload: A JSON value; may hold `SecretStr` at any depth.

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
        """Return the headers with their secrets revealed.

        Args:
            headers: Header values by name.
        """
        return {
            name: self._reveal(value) if isinstance(value, SecretStr) else value
            for name, value in headers.items()
        }

    async def trace(self, event: str, _: object) -> None:
        """Follow the progress of the request; httpx calls this as its `trace` extension.

        Without any event the request counts as sent.

        Args:
            event: Name of the httpcore event.
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
    """Return the text with secrets and everything that looks like a JWT replaced.

    Args:
        text: Text that may quote a secret, as it is or URL-encoded.
        secrets: The secrets to replace by `<secret>`.
    """
    for secret in secrets:
        value = secret.get_secret_value()
        for form in filter(None, (value, quote(value, safe=""))):
            text = text.replace(form, "<secret>")
    return _TOKEN.sub("<token>", text)
