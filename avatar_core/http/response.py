"""What a vendor answered."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import SecretStr

from avatar_core.contracts.errors import ProtocolError

SHOWN_KEYS = 8
HINT = "The vendor's API may have changed; look for a newer version of the provider package."
_TORN = re.compile("[\ud800-\udfff]")
"""Half a letter: JSON may hold it, and no address and no file can."""


class Response:
    """An answer's JSON, read by path; its values show in no repr and in no error.

    A path is keys with dots between, like `data.session_id`. What is missing or of another
    type raises `ProtocolError`: a vendor that said yes may have created something.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, value: Any, provider: str | None = None) -> None:
        self.status = status
        self._value = value
        self._provider = provider

    @classmethod
    def read(cls, status: int, body: bytes, provider: str | None = None) -> Response:
        """The answer of a body; one that is no JSON has no keys."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        return cls(status, value, provider)

    def text(self, path: str, default: str | None = None) -> str:
        """A string, or a whole number as one.

        Args:
            path: Where it is.
            default: What stands for it where it is missing.

        Raises:
            ProtocolError: It is missing or empty and there is no default, or it is neither.
        """
        found = self._text(path, default)
        if found is None:
            raise self._without(path)
        return found

    def secret(self, path: str) -> SecretStr:
        """A string that no log may show.

        Raises:
            ProtocolError: As for `text`.
        """
        return SecretStr(self.text(path))

    def parts(self, path: str = "") -> list[Response]:
        """The elements of a list; the answer itself where the path is empty.

        Raises:
            ProtocolError: There is no list.
        """
        found = self._parts(path)
        if found is None:
            raise self._without(path or "a list")
        return found

    def first(self, path: str) -> Response:
        """The first element of a list.

        Raises:
            ProtocolError: There is no list, or nothing in it.
        """
        found = self._parts(path)
        if not found:
            raise self._without(f"anything in {path}")
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
        return value if isinstance(value, str) and not _TORN.search(value) else None

    def _parts(self, path: str) -> list[Response] | None:
        value = self._find(path)
        if not isinstance(value, list):
            return None
        return [Response(self.status, element, self._provider) for element in value]

    def _find(self, path: str) -> Any:
        value = self._value
        for key in path.split(".") if path else ():
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _without(self, path: str) -> ProtocolError:
        """Made where no local variable holds a value: a traceback may show them."""
        return ProtocolError(
            f"it answered {self.status} without {path}; there was {self._keys()}.",
            provider=self._provider,
            hint=HINT,
        )

    def _keys(self) -> str:
        if not isinstance(self._value, dict):
            return "no JSON object"
        keys = [f"{key:.40}" for key in list(self._value)[:SHOWN_KEYS]]
        return ", ".join(keys) or "an empty object"
