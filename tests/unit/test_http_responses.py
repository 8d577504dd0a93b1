"""`Response` returns the values of a vendor's JSON response, or raises ProtocolError."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from avatar_core.contracts.errors import Outcome, ProtocolError
from avatar_core.http.response import Response


def test_missing_value_raises_protocol_error() -> None:
    response = Response.read(
        201, b'{"id": "s_1", "none": null, "empty": "", "n": 1.5, "o": {}}', "acme"
    )
    for path in ("nothing", "none", "empty", "n", "o", "id.deeper", "o.deeper"):
        with pytest.raises(ProtocolError) as caught:
            response.text(path)
        assert caught.value.outcome is Outcome.UNKNOWN
        assert f"with status 201 does not contain {path}; it contains id, none" in str(caught.value)
    for path in ("nothing", "none", "empty"):
        assert response.text(path, "") == ""
    with pytest.raises(ProtocolError):
        response.text("o", "")
    assert "id" in response
    assert "none" not in response


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'"text"'])
def test_body_without_a_json_object_raises_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="contains no JSON object"):
        Response.read(200, body).text("id")


def test_elements_returns_each_element_of_a_list() -> None:
    response = Response.read(200, b'{"data": [{"id": 1}, {"id": 2}]}')
    assert [element.text("id") for element in response.elements("data")] == ["1", "2"]
    assert [element.text("id") for element in Response.read(200, b'[{"id": 3}]').elements()] == [
        "3"
    ]
    for other in (b"{}", b'{"data": {}}'):
        with pytest.raises(ProtocolError, match="does not contain data"):
            Response.read(200, other).elements("data")


def test_first_raises_protocol_error_for_a_missing_or_empty_list() -> None:
    assert Response.read(200, b'{"data": [{"id": 1}]}').first("data").text("id") == "1"
    for other in (b"{}", b'{"data": {}}', b'{"data": []}'):
        with pytest.raises(ProtocolError, match="does not contain an element in data"):
            Response.read(200, other).first("data")


def test_repr_shows_keys_and_no_values() -> None:
    response = Response.read(200, b'{"session_token": "canary"}')
    assert repr(response) == "<Response 200 with session_token>"
    secret = response.secret("session_token")
    assert isinstance(secret, SecretStr)
    assert secret.get_secret_value() == "canary"
