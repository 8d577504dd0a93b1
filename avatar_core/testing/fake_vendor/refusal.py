"""The refusal of a request by a fake vendor, and the checks that most vendors make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt


class RefusedError(Exception):
    """The error that a fake vendor raises to refuse a request.

    `FakeVendor` catches the error, and responds with the status and with the body that
    `FakeVendor.error_body` returns.

    Args:
        status: The HTTP status of the response.
        message: The message of the vendor.

    Attributes:
        status: The HTTP status of the response.
        message: The message of the vendor.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def read_object(content: bytes) -> dict[str, Any]:
    """Decode the body of a request as a JSON object.

    Args:
        content: The body; an empty body counts as an empty object.

    Returns:
        The object.

    Raises:
        RefusedError: The body is not a JSON object. The status is 400.
    """
    try:
        body = json.loads(content or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "The request body must be a JSON object.")
    return body


def read_text(body: Mapping[str, Any], name: str) -> str:
    """Return a text that a request must contain.

    Args:
        body: The JSON object.
        name: The key of the text.

    Returns:
        The text.

    Raises:
        RefusedError: The value is missing, empty or no text. The status is 400.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError(400, f"{name} is required.")
    return value


def check_room(url: str, token: str) -> None:
    """Check that a LiveKit URL and a room token look usable, without the key of the token.

    The token of a `MemoryRoom` counts as usable too.

    Args:
        url: The URL of the LiveKit server.
        token: The room token.

    Raises:
        RefusedError: The scheme of the URL is unknown, or the token has expired or does not admit
            to a room. The status is 400.
    """
    if urlsplit(url).scheme not in ("ws", "wss", "http", "https"):
        raise RefusedError(400, "The LiveKit URL is invalid.")
    if token.startswith("{"):
        return
    try:
        grants = jwt.decode(token, options={"verify_signature": False, "verify_exp": True})["video"]
        if not (grants["roomJoin"] and grants["room"]):
            raise KeyError
    except (jwt.PyJWTError, KeyError, TypeError):
        raise RefusedError(400, "The LiveKit token is invalid.") from None
