"""RestClient over TCP: failures of the connection, and the outcome that each error carries."""

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
from tests.unit.wire_server import Connection, wire_server

KEY, TOKEN = SecretStr("sk-canary-of-the-key"), SecretStr("canary-of-the-token")
TIMEOUT_S = 0.3
SLACK_S = 1.0


def client(url: str, **options: object) -> RestClient:
    return RestClient(url, key=KEY, auth="x-api-key", provider="acme", **options)  # type: ignore[arg-type]


async def failure(rest: RestClient) -> ProvisionError:
    """Return the error of a create."""
    with pytest.raises(ProvisionError) as caught:
        (await rest.call("POST", "/sessions", {"token": TOKEN})).text("id")
    assert caught.value.provider == "acme"
    return caught.value


async def test_request_contains_the_key_and_the_token() -> None:
    seen: list[tuple[str, bytes]] = []

    async def script(connection: Connection) -> None:
        seen.append(await connection.request())
        await connection.respond("201 Created", b'{"id": "s_1", "of": {"all": 7}}')

    async with wire_server(script) as acme:
        response = await client(f"{acme.url}/v2/").call(
            "POST", "/sessions", {"list": [{"token": TOKEN}]}, headers={"Idempotency-Key": "k1"}
        )
    assert (response.status, response.text("id"), response.text("of.all")) == (201, "s_1", "7")
    head, body = seen[0]
    assert head.startswith("POST /v2/sessions HTTP/1.1\r\n")
    assert f"x-api-key: {KEY.get_secret_value()}\r\n" in head
    assert "Idempotency-Key: k1\r\n" in head
    assert json.loads(body) == {"list": [{"token": TOKEN.get_secret_value()}]}


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
async def test_trickling_response_ends_at_the_deadline(head: bytes) -> None:
    async def trickle(connection: Connection) -> None:
        await connection.request()
        await connection.send(head or b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            await connection.send(b" ")
            await asyncio.sleep(TIMEOUT_S / 20)

    async with wire_server(trickle) as acme:
        began = asyncio.get_running_loop().time()
        error = await failure(client(acme.url, timeout_s=TIMEOUT_S))
        took_s = asyncio.get_running_loop().time() - began
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.UNKNOWN, True)
    assert TIMEOUT_S <= took_s < TIMEOUT_S + SLACK_S
    assert "0.3 s" in str(error)


@pytest.mark.parametrize(
    "partial", [b"", b"HTTP/1.1 20", b"HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"]
)
@pytest.mark.parametrize("orderly", [True, False], ids=["closed", "reset"])
async def test_connection_lost_after_a_create_has_an_unknown_outcome(
    partial: bytes, orderly: bool
) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(partial)
        if not orderly:
            connection.reset()

    async with wire_server(script) as acme:
        error = await failure(client(acme.url))
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.UNKNOWN, True)


async def test_error_status_is_kept_if_the_connection_is_lost_in_the_body() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.send(b"HTTP/1.1 402 Payment Required\r\nContent-Length: 90\r\n\r\n{")

    async with wire_server(script) as acme:
        error = await failure(client(acme.url))
    assert (type(error), error.outcome) == (PaymentError, Outcome.REJECTED)


async def test_refused_connection_has_the_outcome_not_sent() -> None:
    port, _ = find_free_ports()
    error = await failure(client(f"http://127.0.0.1:{port}"))
    assert type(error) is UnavailableError
    assert (error.outcome, error.retryable) == (Outcome.NOT_SENT, True)
    assert f"could not connect to 127.0.0.1:{port}: connection refused." in str(error)


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "reset"])
async def test_failed_tls_handshake_has_the_outcome_not_sent(silent: bool) -> None:
    async def script(connection: Connection) -> None:
        if silent:
            await connection.wait_closed()
        else:
            connection.reset()

    async with wire_server(script) as acme:
        rest = client(acme.url.replace("http", "https"), timeout_s=TIMEOUT_S)
        error = await failure(rest)
    assert (type(error), error.outcome) == (UnavailableError, Outcome.NOT_SENT)


@pytest.mark.parametrize("name", ["127.0.0.1", "elsewhere.example"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_certificate_must_be_trusted_and_name_the_host(
    name: str, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.respond("200 OK", b'{"id": "s_1"}')

    authority, other = trustme.CA(), trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    (authority if trusted else other).cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with wire_server(script, tls) as acme:
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
async def test_unusable_response_raises_an_error_with_its_outcome(
    status: str, headers: list[str], body: bytes, kind: type[ProvisionError], outcome: Outcome
) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.respond(status, body, *headers)

    async with wire_server(script) as acme:
        error = await failure(client(acme.url))
        assert acme.connections == 1  # a redirect is not followed
    assert (type(error), error.outcome) == (kind, outcome)


@pytest.mark.parametrize("compressed", [True, False], ids=["gzip", "plain"])
async def test_huge_response_is_not_read_to_its_end(compressed: bool) -> None:
    sent_bytes = 0

    async def script(connection: Connection) -> None:
        nonlocal sent_bytes
        await connection.request()
        coding = "gzip" if compressed else "identity"
        await connection.send(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n".encode())
        piece = zlib.compress(bytes(10_000_000)) if compressed else bytes(100_000)
        while True:
            await connection.send(piece)
            sent_bytes += len(piece)

    async with wire_server(script) as acme:
        error = await failure(client(acme.url, max_response_bytes=1_000_000))
    assert (type(error), error.outcome) == (ProtocolError, Outcome.UNKNOWN)
    assert sent_bytes < 20_000_000


@pytest.mark.parametrize("value", ["schlüssel", "two\nlines"])
async def test_request_with_an_invalid_header_is_not_sent(value: str) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.respond("200 OK", b"{}")

    async with wire_server(script) as acme:
        with pytest.raises(UnavailableError, match="the API key or another header") as caught:
            await RestClient(acme.url, key=KEY).call("GET", "/", headers={"X-Name": value})
    assert caught.value.outcome is Outcome.NOT_SENT
    assert value not in str(caught.value)


async def test_http_to_loopback_ignores_proxy_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.respond("200 OK", b'{"id": "s_1"}')

    async with wire_server(script) as acme, wire_server(script) as proxy:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await client(acme.url).call("GET", "/")
        assert (acme.connections, proxy.connections) == (1, 0)


async def test_cancelled_call_closes_its_connection() -> None:
    received, closed = asyncio.Event(), asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        received.set()
        await connection.wait_closed()
        closed.set()

    async with wire_server(script) as acme:
        call = asyncio.create_task(client(acme.url).call("POST", "/sessions", {}))
        await asyncio.wait_for(received.wait(), 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert call.cancelled()
        await asyncio.wait_for(closed.wait(), 5)
