"""RestClient over a mock transport: statuses, Retry-After, URLs and keys."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    ConfigError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.http.client import RestClient
from avatar_core.http.errors import retry_after

REJECTED, UNKNOWN, NOT_SENT = Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT


def client(result: Any, **options: Any) -> RestClient:
    """Return a client whose every call gets this response, or raises this error."""

    async def handle(request: httpx.Request) -> httpx.Response:
        await request.aread()
        if isinstance(result, Exception):
            raise result
        return result if isinstance(result, httpx.Response) else result(request)

    return RestClient(
        "https://api.acme.example",
        provider="acme",
        transport=httpx.MockTransport(handle),
        **options,
    )


async def failure(result: Any, payload: Any = None) -> ProvisionError:
    """Return the error of a create that gets this result."""
    with pytest.raises(ProvisionError) as caught:
        await client(result).call("POST", "/sessions", payload)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "outcome", "retryable"),
    [
        (304, ProtocolError, REJECTED, False),
        (400, RejectedError, REJECTED, False),
        (401, AuthError, REJECTED, False),
        (402, PaymentError, REJECTED, False),
        (403, AuthError, REJECTED, False),
        (404, RejectedError, REJECTED, False),
        (408, UnavailableError, UNKNOWN, True),
        (409, RejectedError, REJECTED, False),
        (422, RejectedError, REJECTED, False),
        (429, CapacityError, REJECTED, True),
        (500, UnavailableError, UNKNOWN, True),
        (502, UnavailableError, UNKNOWN, True),
        (503, UnavailableError, UNKNOWN, True),
        (599, UnavailableError, UNKNOWN, True),
    ],
)
async def test_error_status_raises_the_expected_error_and_outcome(
    status: int, kind: type[ProvisionError], outcome: Outcome, retryable: bool
) -> None:
    error = await failure(httpx.Response(status, json={"message": "No such persona."}))
    assert (type(error), error.outcome, error.retryable) == (kind, outcome, retryable)
    assert error.retry_after_s is None
    text = str(error)
    assert text.startswith(f"acme: POST /sessions returned status {status}")
    assert ": No such persona. " in text
    assert error.hint


@pytest.mark.parametrize(
    "location",
    ["/v1/sessions/1", "api.acme.example:443/x", "mailto:x", "https://xn--/", "http://[::1"],
)
@pytest.mark.parametrize(("status", "outcome"), [(302, REJECTED), (303, UNKNOWN), (307, REJECTED)])
async def test_redirect_to_any_location_raises_protocol_error(
    status: int, outcome: Outcome, location: str
) -> None:
    error = await failure(httpx.Response(status, headers={"Location": location}))
    assert (type(error), error.outcome, error.retryable) == (ProtocolError, outcome, False)


async def test_missing_certificate_file_raises_before_the_request_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(UnavailableError, match="SSL_CERT_FILE") as caught:
        await RestClient("https://api.acme.example").call("POST", "/sessions")
    assert (caught.value.outcome, caught.value.retryable) == (NOT_SENT, False)


@pytest.mark.parametrize("surrogate", ["s-\\ud800", "\\udfff"])
async def test_lone_surrogate_is_not_accepted_as_text(surrogate: str) -> None:
    body = f'{{"id": "{surrogate}"}}'
    response = await client(httpx.Response(200, content=body)).call("GET", "/x")
    with pytest.raises(ProtocolError, match="does not contain id"):
        response.text("id")


async def test_status_503_with_retry_after_has_the_outcome_rejected() -> None:
    error = await failure(httpx.Response(503, headers={"Retry-After": "7"}))
    assert (error.outcome, error.retryable, error.retry_after_s) == (REJECTED, True, 7.0)


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (httpx.ConnectError("x"), UnavailableError, NOT_SENT),
        (httpx.ConnectTimeout("x"), UnavailableError, NOT_SENT),
        (httpx.ProxyError("x"), UnavailableError, NOT_SENT),
        (httpx.ReadError("x"), UnavailableError, UNKNOWN),
        (httpx.WriteError("x"), UnavailableError, UNKNOWN),
        (httpx.ReadTimeout("x"), UnavailableError, UNKNOWN),
        (httpx.RemoteProtocolError("x"), UnavailableError, UNKNOWN),
        (RuntimeError("x"), UnavailableError, UNKNOWN),
    ],
)
async def test_connection_error_has_its_expected_class_and_outcome(
    error: Exception, kind: type[ProvisionError], outcome: Outcome
) -> None:
    found = await failure(error)
    assert (type(found), found.outcome, found.retryable) == (kind, outcome, True)


async def test_error_names_a_host_that_cannot_be_resolved() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    found = await failure(error)
    assert "could not connect to api.acme.example: the host name cannot be resolved." in str(found)


@pytest.mark.parametrize("payload", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}])
async def test_payload_that_is_not_json_is_not_sent(payload: Any) -> None:
    error = await failure(httpx.Response(200), payload)
    assert (type(error), error.outcome) == (ProtocolError, NOT_SENT)
    assert "cannot be encoded as JSON" in str(error)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [("x-api-key", "x-api-key", "k1"), ("Authorization: Bearer", "authorization", "Bearer k1")],
)
async def test_key_is_sent_in_its_header(auth: str, header: str, value: str) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"got": request.headers[header]})

    response = await client(handle, key=SecretStr("k1"), auth=auth).call("GET", "/")
    assert response.text("got") == value


async def test_status_in_accept_raises_no_error() -> None:
    ended = client(httpx.Response(404, json={"error": "unknown"}))
    assert (await ended.call("DELETE", "/sessions/1", accept={404, 410})).status == 404
    page = client(httpx.Response(404, html="<h1>nginx</h1>"))
    with pytest.raises(ProtocolError, match="a page of HTML"):
        await page.call("DELETE", "/sessions/1", accept={404})


@pytest.mark.parametrize(
    ("body", "quoted"),
    [
        ({"error": "  no\n\tsuch  thing. "}, ": no such thing."),
        ({"error": {"code": 7, "message": "deep"}}, ": deep."),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, ": field required."),
        ({"message": "", "error": "second"}, ": second."),
        ({"message": "x" * 900}, f": {'x' * 200}."),
        ("plain", ": plain."),
        ({"data": "not for readers"}, "Bad Request. "),
        ([], "Bad Request. "),
    ],
)
async def test_error_quotes_the_vendors_message(body: Any, quoted: str) -> None:
    assert quoted in str(await failure(httpx.Response(400, content=json.dumps(body))))


NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
SOON = format_datetime(NOON + timedelta(seconds=90), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"retry-after": SOON}, 90.0),
        ({"retry-after": SOON, "date": format_datetime(NOON + timedelta(seconds=60))}, 30.0),
        ({"retry-after": formatdate(0, usegmt=True)}, 0.0),
        ({}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Mon, 99 Xyz 2026 99:99:99 GMT"}, None),
    ],
)
def test_retry_after_reads_seconds_and_dates(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after(headers, NOON.timestamp()) == wait_s


async def test_error_contains_the_seconds_of_retry_after() -> None:
    error = await failure(httpx.Response(429, headers={"Retry-After": "12"}))
    assert error.retry_after_s == 12.0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://api.acme.example", "http to api.acme.example would send the API key unencrypted"),
        ("http://127.0.0.1.evil.example", "unencrypted"),
        ("http://0.0.0.0:1", "unencrypted"),
        ("ftp://127.0.0.1", "the URL is invalid"),
        ("api.acme.example", "the URL is invalid"),
        ("https://", "the URL is invalid"),
        ("https://a.example/?key=1", "the URL is invalid"),
        ("https://[::1", "the URL is invalid"),
        ("https://a.example:port", "the URL is invalid"),
        ("https://a\n.example", "the URL is invalid"),
        ("https://a.example/v2 x", "the URL is invalid"),
        ("https://me:pw-canary@a.example", "must not contain a user name or a password"),
    ],
)
def test_invalid_url_raises_config_error(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        RestClient(url, provider="acme")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://a.example/v2/", "http://127.0.0.1:80", "http://localhost", "http://[::1]:9"]
)
def test_trailing_slash_of_a_url_is_removed(url: str) -> None:
    assert RestClient(url).url == url.rstrip("/")


@pytest.mark.parametrize("key", ["", " ", "sk-canary\n", "sk canary", "sk-canary-é", "sk\x00"])
def test_key_that_cannot_be_sent_raises_config_error(key: str) -> None:
    with pytest.raises(ConfigError, match=r"acme: the API key is invalid. The key must") as caught:
        RestClient("https://a.example", key=SecretStr(key), provider="acme")
    assert "canary" not in str(caught.value)
