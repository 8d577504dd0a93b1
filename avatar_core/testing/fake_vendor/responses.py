"""Responses of a fake vendor: JSON bodies, and bodies that no client can use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal

from avatar_core.http.memory import FakeResponse

TRICKLE_S = 1.0
HUGE_PIECE_BYTES = 64 * 1024
LOGIN_PAGE = b"<html><body>Please log in.</body></html>"
_JSON = {"Content-Type": "application/json"}


def json_response(status: int, body: Any, **headers: str) -> FakeResponse:
    """Return a response with a JSON body and the current date.

    Args:
        status: The HTTP status code.
        body: The JSON value of the body.
        headers: More headers, by name.

    Returns:
        The response.

    Raises:
        TypeError: `body` is not JSON-safe.
    """
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return FakeResponse(status, {**_JSON, "Date": date, **headers}, json.dumps(body).encode())


def unusable_response(kind: Literal["trickle", "html", "empty", "huge"]) -> FakeResponse:
    """Return a response with status 200 that no client can use.

    Args:
        kind: `trickle` and `huge` for a body without an end, slow or fast; `html` for the page of a
            login; `empty` for no body.

    Returns:
        The response.
    """
    match kind:
        case "trickle":
            return FakeResponse(200, _JSON, _trickle())
        case "html":
            return FakeResponse(200, {"Content-Type": "text/html"}, LOGIN_PAGE)
        case "empty":
            return FakeResponse(200, _JSON)
        case "huge":
            return FakeResponse(200, _JSON, _endless())


async def _trickle() -> AsyncIterator[bytes]:
    yield b'{"id": "'
    while True:
        await asyncio.sleep(TRICKLE_S)
        yield b"s"


async def _endless() -> AsyncIterator[bytes]:
    yield b'{"id": "'
    while True:
        yield b"s" * HUGE_PIECE_BYTES
