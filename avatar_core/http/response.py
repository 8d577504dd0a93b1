"""A vendor's JSON response, read by path without showing its values."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import SecretStr

from avatar_core.contracts.errors import ProtocolError

MAX_SHOWN_KEYS = 8
HINT = "The vendor's API may have changed; look for a newer version of the provider package."
_SURROGATE = re.compile("[\ud800-\udfff]")
"""A lone surrogate: JSON can contain it, but no URL and no file can."""


class Response:
    """The JSON body of a response; neither `repr` nor errors show its values.

    A path is a chain of keys with dots between them, like `data.session_id`. A missing value or
    a value of another type raises `ProtocolError` with `Outcome.UNKNOWN`, because a vendor that
    responds with success may have created a session.

    Args:
        status: HTTP status code.
        value: The decoded JSON value; None where the body is not JSON.
        provider: Name of the provider, for errors.

    Attributes:
        status: HTTP status code.
    """

    def __init__(self, status: int, value: Any, provider: str | None = None) -> None:
        self.status = status
        self._value = value
        self._provider = provider

    @classmethod
    def read(cls, status: int, body: bytes, provider: str | None = None) -> Response:
        """Return the response with this body; a body that is not JSON has no keys.

        Args:
            status: HTTP status code.
            body: The body as received.
            provider: Name of the provider, for errors.
        """
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        return cls(status, value, provider)

    def text(self, path: str, default: str | None = None) -> str:
        """Return the string at a path; an integer is converted.

        Args:
            path: Path of the value.
            default: Returned where the value is missing, null or empty.

        Raises:
            ProtocolError: The value is neither a string nor an integer, or it is missing and
                `default` is None.
        """
        found = self._text(path, default)
        if found is None:
            raise self._missing(path)
        return found

    def secret(self, path: str) -> SecretStr:
        """Return the string at a path as a secret, which logs do not show.

        Args:
            path: Path of the value.

        Raises:
            ProtocolError: The value is missing, or is neither a string nor an integer.
        """
        return SecretStr(self.text(path))

    def elements(self, path: str = "") -> list[Response]:
        """Return the elements of the list at a path, each as a `Response`.

        Args:
            path: Path of the list; empty where the body itself is the list.

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
        """Return the error; no local variable here holds a value, which a traceback may show."""
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
