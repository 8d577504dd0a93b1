"""One call: what it sends, which of that is secret, and how far it has come."""

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


class UnwritableError(Exception):
    """A payload that is no JSON; it quotes nothing."""


class Request:
    """A call on its way.

    Attributes:
        method: Of HTTP.
        path: Below the vendor's address.
        secrets: Revealed as it was written; none of them may come back in a message.
        sent: False while it is certain that the vendor has none of it.
    """

    def __init__(self, method: str, path: str, key: SecretStr | None) -> None:
        self.method = method
        self.path = path
        self.secrets = [] if key is None else [key]
        self.sent = True

    @property
    def name(self) -> str:
        """What was asked, like `POST /v1/sessions`; for messages."""
        return redact(f"{self.method} {self.path.partition('?')[0]}", self.secrets)

    def encode(self, payload: Any) -> bytes:
        """The payload as JSON, its secrets revealed.

        Raises:
            UnwritableError: It cannot be.
        """
        try:
            text = json.dumps(payload, default=self._reveal, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            text = ""
        if not text:
            raise UnwritableError
        return text.encode()

    def reveal(self, headers: Mapping[str, str | SecretStr]) -> dict[str, str]:
        """The headers, their secrets revealed."""
        return {
            name: self._reveal(value) if isinstance(value, SecretStr) else value
            for name, value in headers.items()
        }

    async def note(self, event: str, _: object) -> None:
        """Told by the transport where the call stands; one that tells nothing may have sent it."""
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
    """The text without these secrets, and without whatever looks like a token."""
    for secret in secrets:
        value = secret.get_secret_value()
        for form in filter(None, (value, quote(value, safe=""))):
            text = text.replace(form, "<secret>")
    return _TOKEN.sub("<token>", text)
