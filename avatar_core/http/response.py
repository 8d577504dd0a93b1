"""The JSON response of a vendor, whose values are read by path."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import SecretStr

from avatar_core.contracts.errors import ProtocolError

MAX_SHOWN_KEYS = 8
HINT = "The vendor's API may have changed; look for a newer version of the provider package."
_SURROGATE = re.compile("[\ud800-\udfff]")
"""A lone surrogate character, which JSON can contain, but a URL or a file cannot."""


class Response:
    """The JSON body of a response. Neither the repr nor an error shows a value of the body.

    A path consists of keys with dots between them, for example `data.session_id`. If a value is
    missing or has the wrong type, the methods raise `ProtocolError` with `Outcome.UNKNOWN`, because
    a vendor that returns a 2xx status may have created a session.

    Args:
        status: HTTP status code.
        value: The decoded JSON value; None if the body is not JSON.
        provider: Name of the provider, for error messages.

    Attributes:
        status: HTTP status code.
    """

    def __init__(self, status: int, value: Any, provider: str | None = None) -> None:
        self.status = status
        self._value = value
        self._provider = provider

    @classmethod
    def read(cls, status: int, body: bytes, provider: str | None = None) -> Response:
        """Decode a body and create the response.

        Args:
            status: HTTP status code.
            body: The body as received.
            provider: Name of the provider, for error messages.

        Returns:
            The response. A body that is not JSON results in a response without values.
        """
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        return cls(status, value, provider)

    def text(self, path: str, default: str | None = None) -> str:
        """Return the string or the integer at a path, as a string.

        Args:
            path: Path of the value.
            default: The result if the value is missing, null or empty. With None, the method raises
                an error for such a value.

        Returns:
            The string.

        Raises:
            ProtocolError: The value is neither a string nor an integer, or it is missing and
                `default` is None.
        """
        found = self._text(path, default)
        if found is None:
            raise self._missing(path)
        return found

    def secret(self, path: str) -> SecretStr:
        """Return the string or the integer at a path as a secret, which logs do not show.

        Args:
            path: Path of the value.

        Returns:
            The secret string.

        Raises:
            ProtocolError: The value is missing, or is neither a string nor an integer.
        """
        return SecretStr(self.text(path))

    def elements(self, path: str = "") -> list[Response]:
        """Return the elements of the list at a path.

        Args:
            path: Path of the list; an empty path means that the body is the list.

        Returns:
            The elements, each as a `Response` with the same status.

        Raises:
            ProtocolError: The path does not lead to a list.
        """
        found = self._elements(path)
        if found is None:
            raise self._missing(path or "a list")
        return found

    def first(self, path: str) -> Response:
        """Return the first element of the list at a path.

        Args:
            path: Path of the list.

        Returns:
            The element, as a `Response` with the same status.

        Raises:
            ProtocolError: The path does not lead to a list, or the list is empty.
        """
        found = self._elements(path)
        if not found:
            raise self._missing(f"an element in {path}")
        return found[0]

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def __repr__(self) -> str:
        return f"<Response {self.status} with {self._keys()}>"

    def _text(self, path: str, default: str | None) -> str | None:
        value = self._find(path)
        if value is None or value == "":
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and not _SURROGATE.search(value) else None

    def _elements(self, path: str) -> list[Response] | None:
        value = self._find(path)
        if not isinstance(value, list):
            return None
        return [Response(self.status, element, self._provider) for element in value]

    def _find(self, path: str) -> Any:
        value = self._value
        for key in path.split(".") if path else ():
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _missing(self, path: str) -> ProtocolError:
        """Create the error for a missing value, without any value of the body."""
        return ProtocolError(
            f"the response with status {self.status} does not contain {path}; "
            f"it contains {self._keys()}.",
            provider=self._provider,
            hint=HINT,
        )

    def _keys(self) -> str:
        if not isinstance(self._value, dict):
            return "no JSON object"
        keys = [f"{key:.40}" for key in list(self._value)[:MAX_SHOWN_KEYS]]
        return ", ".join(keys) or "an empty object"
