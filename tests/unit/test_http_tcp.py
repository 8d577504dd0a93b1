"""RestClient over real TCP: what goes wrong there, and whether anything was created."""

from __future__ import annotations

import asyncio
import json
import ssl
import zlib
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from avatar_core.contracts.errors import (
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    UnavailableError,
)
from avatar_core.http.client import RestClient
from avatar_core.testing.server.ports import find_free_ports
from tests.unit.wire_server import Caller, vendor

KEY, TOKEN = SecretStr("sk-canary-of-the-key"), SecretStr("canary-of-the-token")
PROMPT_S = 0.3
SLACK_S = 1.0


def client(url: str, **options: object) -> RestClient:
    return RestClient(url, key=KEY, auth="x-api-key", provider="acme", **options)  # type: ignore[arg-type]


async def failure(rest: RestClient) -> ProvisionError:
    """The error of a create."""
    with pytest.raises(ProvisionError) as caught:
        (await rest.call("POST", "/sessions", {"token": TOKEN})).text("id")
    assert caught.value.provider == "acme"
    return caught.value


async def test_key_and_token_are_revealed_as_they_are_sent() -> None:
    seen: list[tuple[str, bytes]] = []

    async def talk(caller: Caller) -> None:
        seen.append(await caller.request())
        await caller.answer("201 Created", b'{"id": "s_1", "of": {"all": 7}}')

    async with vendor(talk) as acme:
        answer = await client(f"{acme.url}/v2/").call(
            "POST", "/sessions", {"list": [{"token": TOKEN}]}, headers={"Idempotency-Key": "k1"}
        )
    assert (answer.status, answer.text("id"), answer.text("of.all")) == (201, "s_1", "7")
    head, body = seen[0]
    assert head.startswith("POST /v2/sessions HTTP/1.1\r\n")
    assert f"x-api-key: {KEY.get_secret_value()}\r\n" in head
    assert "Idempotency-Key: k1\r\n" in head
    assert json.loads(body) == {"list": [{"token": TOKEN.get_secret_value()}]}


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
async def test_a_trickle_is_cut_at_the_deadline(head: bytes) -> None:
    async def trickle(caller: Caller) -> None:
        await caller.request()
        await caller.say(head or b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await caller.say(b" ")
            await asyncio.sleep(PROMPT_S / 20)

    async with vendor(trickle) as acme:
        began = asyncio.get_running_loop().time()
        error = await failure(client(acme.url, timeout_s=PROMPT_S))
        took_s = asyncio.get_running_loop().time() - began
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.UNKNOWN, True)
    assert PROMPT_S <= took_s < PROMPT_S + SLACK_S
    assert "0.3 s" in str(error)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 20", b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"]
)
@pytest.mark.parametrize("orderly", [True, False], ids=["closed", "reset"])
async def test_a_break_after_the_create_leaves_it_open_what_was_created(
    said: bytes, orderly: bool
) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(said)
        if not orderly:
            caller.reset()

    async with vendor(talk) as acme:
        error = await failure(client(acme.url))
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.UNKNOWN, True)


async def test_a_break_in_a_refusal_is_that_refusal() -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.say(b"HTTP/1.1 402 Payment Required\r\nContent-Length: 90\r\n\r\n{")

    async with vendor(talk) as acme:
        error = await failure(client(acme.url))
    assert (type(error), error.outcome) == (PaymentError, Outcome.REJECTED)


async def test_a_refused_connection_sent_nothing() -> None:
    port, _ = find_free_ports()
    error = await failure(client(f"http://127.0.0.1:{port}"))
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.NOT_SENT, True)
    assert f"127.0.0.1:{port} cannot be reached: connection refused." in str(error)


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "reset"])
async def test_what_fails_before_tls_stands_sent_nothing(silent: bool) -> None:
    async def talk(caller: Caller) -> None:
        if silent:
            await caller.gone()
        else:
            caller.reset()

    async with vendor(talk) as acme:
        rest = client(acme.url.replace("http", "https"), timeout_s=PROMPT_S)
        error = await failure(rest)
    assert (type(error), error.outcome) == (UnavailableError, Outcome.NOT_SENT)


@pytest.mark.parametrize("name", ["127.0.0.1", "elsewhere.example"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_must_be_trusted_and_its_own(
    name: str, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.answer("200 OK", b'{"id": "s_1"}')

    authority, other = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    (authority if trusted else other).cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with vendor(talk, tls) as acme:
        if trusted and name == "127.0.0.1":
            assert (await client(acme.url).call("POST", "/sessions", {})).text("id") == "s_1"
            return
        error = await failure(client(acme.url))
    assert (type(error), error.outcome, error.retryable) == (
        UnavailableError,
        Outcome.NOT_SENT,
        False,
    )
    assert "certificate is not trusted" in str(error)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "outcome"),
    [
        ("200 OK", ["Content-Type: text/html"], b"Log in", ProtocolError, Outcome.UNKNOWN),
        ("200 OK", [], b" <!doctype html>", ProtocolError, Outcome.UNKNOWN),
        ("200 OK", [], b"", ProtocolError, Outcome.UNKNOWN),
        ("200 OK", [], b"done", ProtocolError, Outcome.UNKNOWN),
        ("502 Bad Gateway", [], b"<html>nginx", UnavailableError, Outcome.UNKNOWN),
        ("302 Found", ["Location: /again"], b"", ProtocolError, Outcome.REJECTED),
        ("303 See Other", ["Location: /it"], b"", ProtocolError, Outcome.UNKNOWN),
    ],
)
async def test_an_answer_that_is_none(
    status: str, headers: list[str], body: bytes, kind: type[ProvisionError], outcome: Outcome
) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.answer(status, body, *headers)

    async with vendor(talk) as acme:
        error = await failure(client(acme.url))
        assert acme.calls == 1  # a redirect is not followed
    assert (type(error), error.outcome) == (kind, outcome)


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
async def test_a_huge_answer_is_not_taken(packed: bool) -> None:
    said = 0

    async def talk(caller: Caller) -> None:
        nonlocal said
        await caller.request()
        coding = "gzip" if packed else "identity"
        await caller.say(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode())
        piece = zlib.compress(bytes(10_000_000)) if packed else bytes(100_000)
        while True:
            await caller.say(piece)
            said += len(piece)

    async with vendor(talk) as acme:
        error = await failure(client(acme.url, max_answer=1_000_000))
    assert (type(error), error.outcome) == (ProtocolError, Outcome.UNKNOWN)
    assert said < 20_000_000


@pytest.mark.parametrize("value", ["schlüssel", "two\nlines"])
async def test_what_no_header_can_carry_is_not_sent(value: str) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.answer("200 OK", b"{}")

    async with vendor(talk) as acme:
        with pytest.raises(UnavailableError, match="its key or another header") as caught:
            await RestClient(acme.url, key=KEY).call("GET", "/", headers={"X-Name": value})
    assert caught.value.outcome is Outcome.NOT_SENT
    assert value not in str(caught.value)


async def test_a_proxy_of_the_machine_gets_no_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.answer("200 OK", b'{"id": "s_1"}')

    async with vendor(talk) as acme, vendor(talk) as proxy:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await client(acme.url).call("GET", "/")
        assert (acme.calls, proxy.calls) == (1, 0)


async def test_a_cancelled_call_hangs_up() -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def talk(caller: Caller) -> None:
        await caller.request()
        asked.set()
        await caller.gone()
        hung_up.set()

    async with vendor(talk) as acme:
        calling = asyncio.create_task(client(acme.url).call("POST", "/sessions", {}))
        await asyncio.wait_for(asked.wait(), 5)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert calling.cancelled()
        await asyncio.wait_for(hung_up.wait(), 5)
