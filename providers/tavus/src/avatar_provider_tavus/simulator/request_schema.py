"""The fields of a create request, with types and ranges as Tavus documents them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt

from avatar_core.testing import json_response

TEXTS = (
    *("pal_id", "persona_id", "face_id", "replica_id", "callback_url", "conversation_name"),
    *("conversational_context", "custom_greeting", "document_retrieval_strategy"),
    *("language", "livekit_ws_url", "livekit_room_token"),
)
FLAGS = (
    *("audio_only", "test_mode", "require_auth"),
    *("enable_recording", "enable_closed_captions", "apply_greenscreen"),
)
LISTS = ("memory_stores", "document_ids", "document_tags")
RANGES = {
    "max_participants": (2, 10**6),
    "max_call_duration": (1, 3600),
    "participant_left_timeout": (0, 3600),
    "participant_absent_timeout": (0, 3600),
}
"""Smallest and largest value of each integer field; durations are in seconds."""
STRATEGIES = ("speed", "quality", "balanced")


class RefusedError(Exception):
    """An error that the API returns to its client.

    Args:
        status: HTTP status of the response.
        said: Error message in the body of the response.
        key: Key of the message in the body: `error` or `message`.

    Attributes:
        response: The response to send.
    """

    def __init__(self, status: int, said: str, *, key: str = "error") -> None:
        super().__init__(said)
        self.response = json_response(status, {key: said})


def check(body: Mapping[str, Any]) -> None:
    """Check the types and ranges of all documented fields.

    Args:
        body: Body of a create request, including the fields in `properties`.

    Raises:
        RefusedError: A field has the wrong type or is out of its range.
    """
    properties = body.get("properties", {})
    if not isinstance(properties, dict):
        raise RefusedError(400, "Invalid properties")
    for name, value in (*body.items(), *properties.items()):
        if not _fits(name, value):
            raise RefusedError(400, f"Invalid {name}")


def _fits(name: str, value: Any) -> bool:
    if name in RANGES:
        least, most = RANGES[name]
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if name == "document_retrieval_strategy":
        return value in STRATEGIES
    kinds = ((TEXTS, str), (FLAGS, bool), (LISTS, list))
    return all(isinstance(value, kind) for names, kind in kinds if name in names)


def body_of(content: bytes) -> dict[str, Any]:
    """Parse the body of a request as a JSON object.

    Args:
        content: The body in bytes, possibly empty.

    Returns:
        The JSON object; an empty dictionary for an empty body.

    Raises:
        RefusedError: The body is not a JSON object.
    """
    try:
        body = json.loads(content or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "The request body must be JSON.", key="message")
    return body


def room_of(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Read the URL of the LiveKit server and the worker's room token from a create request.

    This function checks the expiry of the token, but not its signature.

    Args:
        properties: The object under the key `properties` in the body of the request.

    Returns:
        The URL and the token, a JWT.

    Raises:
        RefusedError: The URL has no known scheme, or the token is invalid, has expired, or does
            not allow its holder to join a room.
    """
    url, token = str(properties.get("livekit_ws_url", "")), properties.get("livekit_room_token", "")
    if urlsplit(url).scheme not in ("ws", "wss", "http", "https"):
        raise RefusedError(400, "There was an error creating the conversation: livekit_ws_url")
    try:
        grants = jwt.decode(token, options={"verify_signature": False, "verify_exp": True})["video"]
        if not (grants["roomJoin"] and grants["room"]):
            raise KeyError
    except (jwt.PyJWTError, KeyError, TypeError):
        what = "There was an error creating the conversation: livekit_room_token"
        raise RefusedError(400, what) from None
    return url, str(token)
