"""RestClient in memory: statuses, waits, addresses and keys."""

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

NO, PERHAPS, NEVER = Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT


def client(answer: Any, **options: Any) -> RestClient:
    """A client whose every call gets this response, or raises this error."""

    async def handle(request: httpx.Request) -> httpx.Response:
        await request.aread()
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    return RestClient(
        "https://api.acme.example",
        provider="acme",
        transport=httpx.MockTransport(handle),
        **options,
    )


async def failure(answer: Any, payload: Any = None) -> ProvisionError:
    with pytest.raises(ProvisionError) as caught:
        await client(answer).call("POST", "/sessions", payload)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "outcome", "retryable"),
    [
        (304, ProtocolError, NO, False),
        (400, RejectedError, NO, False),
        (401, AuthError, NO, False),
        (402, PaymentError, NO, False),
        (403, AuthError, NO, False),
        (404, RejectedError, NO, False),
        (408, UnavailableError, PERHAPS, True),
        (409, RejectedError, NO, False),
        (422, RejectedError, NO, False),
        (429, CapacityError, NO, True),
        (500, UnavailableError, PERHAPS, True),
        (502, UnavailableError, PERHAPS, True),
        (503, UnavailableError, PERHAPS, True),
        (599, UnavailableError, PERHAPS, True),
    ],
)
async def test_a_status_is_an_error_with_an_outcome(
    status: int, kind: type[ProvisionError], outcome: Outcome, retryable: bool
) -> None:
    error = await failure(httpx.Response(status, json={"message": "No such persona."}))
    assert (type(error), error.outcome, error.retryable) == (kind, outcome, retryable)
    assert error.retry_after_s is None
    text = str(error)
    assert text.startswith(f"[{kind.code}] acme: POST /sessions was answered {status}")
    assert ": No such persona. " in text
    assert error.hint


@pytest.mark.parametrize(
    "where",
    ["/v1/sessions/1", "api.acme.example:443/x", "mailto:x", "https://xn--/", "http://[::1"],
)
@pytest.mark.parametrize(("status", "outcome"), [(302, NO), (303, PERHAPS), (307, NO)])
async def test_wherever_a_redirect_leads_it_is_an_answer(
    status: int, outcome: Outcome, where: str
) -> None:
    error = await failure(httpx.Response(status, headers={"Location": where}))
    assert (type(error), error.outcome, error.retryable) == (ProtocolError, outcome, False)


async def test_without_certificates_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(UnavailableError, match="SSL_CERT_FILE") as caught:
        await RestClient("https://api.acme.example").call("POST", "/sessions")
    assert (caught.value.outcome, caught.value.retryable) == (NEVER, False)


@pytest.mark.parametrize("torn", ["s-\\ud800", "\\udfff"])
async def test_half_a_letter_is_no_text(torn: str) -> None:
    answer = await client(httpx.Response(200, content=f'{{"id": "{torn}"}}')).call("GET", "/x")
    with pytest.raises(ProtocolError, match="without id"):
        answer.text("id")


async def test_a_503_that_says_when_to_come_back_created_nothing() -> None:
    error = await failure(httpx.Response(503, headers={"Retry-After": "7"}))
    assert (error.outcome, error.retryable, error.retry_after_s) == (NO, True, 7.0)


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (httpx.ConnectError("x"), UnavailableError, NEVER),
        (httpx.ConnectTimeout("x"), UnavailableError, NEVER),
        (httpx.ProxyError("x"), UnavailableError, NEVER),
        (httpx.ReadError("x"), UnavailableError, PERHAPS),
        (httpx.WriteError("x"), UnavailableError, PERHAPS),
        (httpx.ReadTimeout("x"), UnavailableError, PERHAPS),
        (httpx.RemoteProtocolError("x"), UnavailableError, PERHAPS),
        (RuntimeError("x"), UnavailableError, PERHAPS),
    ],
)
async def test_a_call_without_an_answer(
    error: Exception, kind: type[ProvisionError], outcome: Outcome
) -> None:
    found = await failure(error)
    assert (type(found), found.outcome, found.retryable) == (kind, outcome, True)


async def test_a_name_that_nobody_knows() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    found = await failure(error)
    assert "api.acme.example cannot be reached: its name is not known." in str(found)


@pytest.mark.parametrize("payload", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}])
async def test_a_payload_that_is_no_json_is_not_sent(payload: Any) -> None:
    error = await failure(httpx.Response(200), payload)
    assert (type(error), error.outcome) == (ProtocolError, NEVER)
    assert "cannot be written as JSON" in str(error)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [("x-api-key", "x-api-key", "k1"), ("Authorization: Bearer", "authorization", "Bearer k1")],
)
async def test_where_the_key_goes(auth: str, header: str, value: str) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"got": request.headers[header]})

    answer = await client(handle, key=SecretStr("k1"), auth=auth).call("GET", "/")
    assert answer.text("got") == value


async def test_a_status_may_be_accepted() -> None:
    gone = client(httpx.Response(404, json={"error": "unknown"}))
    assert (await gone.call("DELETE", "/sessions/1", accept={404, 410})).status == 404
    page = client(httpx.Response(404, html="<h1>nginx</h1>"))
    with pytest.raises(ProtocolError, match="a page of HTML"):
        await page.call("DELETE", "/sessions/1", accept={404})


@pytest.mark.parametrize(
    ("body", "said"),
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
async def test_a_vendors_words_are_quoted_shortly(body: Any, said: str) -> None:
    assert said in str(await failure(httpx.Response(400, content=json.dumps(body))))


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
def test_retry_after(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after(headers, NOON.timestamp()) == wait_s


async def test_retry_after_reaches_the_error() -> None:
    error = await failure(httpx.Response(429, headers={"Retry-After": "12"}))
    assert error.retry_after_s == 12.0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://api.acme.example", "http to api.acme.example would carry the key in the clear"),
        ("http://127.0.0.1.evil.example", "in the clear"),
        ("http://0.0.0.0:1", "in the clear"),
        ("ftp://127.0.0.1", "is no http address"),
        ("api.acme.example", "is no http address"),
        ("https://", "is no http address"),
        ("https://a.example/?key=1", "is no http address"),
        ("https://[::1", "is no http address"),
        ("https://a.example:port", "is no http address"),
        ("https://a\n.example", "is no http address"),
        ("https://a.example/v2 x", "is no http address"),
        ("https://me:pw-canary@a.example", "must not carry a user or a password"),
    ],
)
def test_an_address_that_will_not_do(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        RestClient(url, provider="acme")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://a.example/v2/", "http://127.0.0.1:80", "http://localhost", "http://[::1]:9"]
)
def test_an_address_that_will_do(url: str) -> None:
    assert RestClient(url).url == url.rstrip("/")


@pytest.mark.parametrize("key", ["", " ", "sk-canary\n", "sk canary", "sk-canary-é", "sk\x00"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(ConfigError, match=r"acme: its API key (has|must)") as caught:
        RestClient("https://a.example", key=SecretStr(key), provider="acme")
    assert "canary" not in str(caught.value)
