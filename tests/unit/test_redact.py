"""Redaction of vendors' messages: whole secrets, and no part of an ordinary word."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from avatar_core.contracts.errors import AuthError
from avatar_core.http.errors import RawResponse, error_for_status
from avatar_core.http.request import Request, redact

LONG = "sk-live-0123456789abcdef"


@pytest.mark.parametrize(
    ("secret", "text", "redacted"),
    [
        ("tok", "Invalid access token.", "Invalid access token."),
        ("tok", "The token tok is invalid.", "The token tok is invalid."),
        ("", "Invalid access token.", "Invalid access token."),
        ("secrets", "no secrets here", "no secrets here"),
        ("password", "Two passwords or a password.", "Two passwords or a <secret>."),
        ("password", "key=password&next, key%3Dpassword", "key=<secret>&next, key%3D<secret>"),
        (LONG, f"the key {LONG} is invalid", "the key <secret> is invalid"),
        (LONG, f"keyx{LONG}x", "keyx<secret>x"),
        (LONG, LONG[:-1], LONG[:-1]),
        ("a b+c/d=e", f"?key={quote('a b+c/d=e', safe='')}", "?key=<secret>"),
        ('quote"d-key', json.dumps({"key": 'quote"d-key'}), '{"key": "<secret>"}'),
        ("schlüssel-1", json.dumps("schlüssel-1"), '"<secret>"'),
        ("a.*+key?", "a.*+key? and axxxkey", "<secret> and axxxkey"),
    ],
)
def test_whole_secrets_are_redacted(secret: str, text: str, redacted: str) -> None:
    assert redact(text, [SecretStr(secret)]) == redacted


@pytest.mark.parametrize("order", [1, -1])
def test_secret_that_is_a_prefix_of_another_secret_is_redacted(order: int) -> None:
    secrets = [SecretStr("canary-key"), SecretStr("canary-key-of-the-room")][::order]
    assert redact("canary-key-of-the-room, canary-key", secrets) == "<secret>, <secret>"


def test_vendor_message_is_unchanged_by_a_short_test_key() -> None:
    request = Request("POST", "/v1/tokens", SecretStr("tok"))
    response = RawResponse(401, {}, b'{"message": "Invalid access token."}')
    error = error_for_status(response, request, "acme")
    assert type(error) is AuthError
    assert "Invalid access token" in error.message
    assert request.name == "POST /v1/tokens"
