"""What is read of a vendor's answer, and what is missing."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from avatar_core.contracts.errors import Outcome, ProtocolError
from avatar_core.http.response import Response


def test_what_an_answer_lacks_is_a_protocol_error() -> None:
    answer = Response.read(
        201, b'{"id": "s_1", "none": null, "empty": "", "n": 1.5, "o": {}}', "acme"
    )
    for path in ("nothing", "none", "empty", "n", "o", "id.deeper", "o.deeper"):
        with pytest.raises(ProtocolError) as caught:
            answer.text(path)
        assert caught.value.outcome is Outcome.UNKNOWN
        assert f"it answered 201 without {path}; there was id, none" in str(caught.value)
    for path in ("nothing", "none", "empty"):
        assert answer.text(path, "") == ""
    with pytest.raises(ProtocolError):
        answer.text("o", "")
    assert "id" in answer
    assert "none" not in answer


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'"text"'])
def test_an_answer_that_is_no_object_has_no_keys(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="there was no JSON object"):
        Response.read(200, body).text("id")


def test_an_answer_has_parts() -> None:
    answer = Response.read(200, b'{"data": [{"id": 1}, {"id": 2}]}')
    assert [part.text("id") for part in answer.parts("data")] == ["1", "2"]
    assert [part.text("id") for part in Response.read(200, b'[{"id": 3}]').parts()] == ["3"]
    for other in (b"{}", b'{"data": {}}'):
        with pytest.raises(ProtocolError, match="without data"):
            Response.read(200, other).parts("data")


def test_the_first_part_of_a_list_that_has_one() -> None:
    assert Response.read(200, b'{"data": [{"id": 1}]}').first("data").text("id") == "1"
    for other in (b"{}", b'{"data": {}}', b'{"data": []}'):
        with pytest.raises(ProtocolError, match="without anything in data"):
            Response.read(200, other).first("data")


def test_an_answer_shows_no_value() -> None:
    answer = Response.read(200, b'{"session_token": "canary"}')
    assert repr(answer) == "<Response 200 with session_token>"
    secret = answer.secret("session_token")
    assert isinstance(secret, SecretStr)
    assert secret.get_secret_value() == "canary"
