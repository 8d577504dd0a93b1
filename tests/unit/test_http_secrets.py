"""No key and no token appears in messages, chains of causes, tracebacks or logs of a failure."""

from __future__ import annotations

import asyncio
import base64
import json
import logging

import pytest
from pydantic import SecretStr

from avatar_core.contracts.errors import ProvisionError
from avatar_core.http.client import RestClient
from avatar_core.testing.server.ports import find_free_ports
from avatar_core.testing.suites.secrets import error_texts
from tests.unit.wire_server import Connection, Script, wire_server

KEY, TOKEN, HEADER = "canary+key/1", "canary-token-2", "canary header 3"
JWT = ".".join(base64.urlsafe_b64encode(part).decode() for part in (b"a" * 30, b"b" * 60, b"c" * 9))
PLANTED = (KEY, TOKEN, HEADER, JWT)


def leaks(*texts: str) -> set[str]:
    return {secret for secret in PLANTED for text in texts if secret in text}


async def provoke(url: str, payload: object = None) -> BaseException:
    """Return the error of a call that carries every secret."""
    client = RestClient(url, key=SecretStr(KEY), provider="acme", timeout_s=0.3)
    try:
        response = await client.call(
            "POST",
            "/sessions",
            payload or {"a": [SecretStr(TOKEN)], "jwt": SecretStr(JWT)},
            headers={"X-Other": SecretStr(HEADER)},
        )
        response.text("id")
    except (ProvisionError, asyncio.CancelledError) as error:
        return error
    raise AssertionError("the call should have failed")


async def echo(connection: Connection) -> None:
    """Send the request back as the vendor's error message."""
    head, body = await connection.request()
    text = json.dumps({"error": f"{body.decode()} {head}"})
    await connection.respond("400 Bad Request", text.encode())


async def echo_in_a_response(connection: Connection) -> None:
    head, body = await connection.request()
    text = json.dumps({"token": body.decode(), "id": {"head": head}})
    await connection.respond("201 Created", text.encode())


async def stay_silent(connection: Connection) -> None:
    await connection.request()
    await connection.wait_closed()


async def reset(connection: Connection) -> None:
    await connection.request()
    connection.reset()


async def html(connection: Connection) -> None:
    head, body = await connection.request()
    await connection.respond("200 OK", b"<html>" + head.encode() + body)


async def malformed(connection: Connection) -> None:
    head, body = await connection.request()
    await connection.send(head.encode() + body)


@pytest.mark.parametrize("script", [echo, echo_in_a_response, stay_silent, reset, html, malformed])
async def test_failed_call_shows_no_secret(
    script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with wire_server(script) as acme:
        error = await provoke(acme.url)
    assert not leaks(*error_texts(error), caplog.text)


async def test_call_that_is_not_sent_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    port, _ = find_free_ports()
    refused = await provoke(f"http://127.0.0.1:{port}")
    unencodable = await provoke(f"http://127.0.0.1:{port}", {"a": SecretStr(TOKEN), "b": object()})
    assert not leaks(*error_texts(refused), *error_texts(unencodable), caplog.text)


async def test_cancelled_call_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    received = asyncio.Event()

    async def script(connection: Connection) -> None:
        await connection.request()
        received.set()
        await connection.wait_closed()

    async with wire_server(script) as acme:
        call = asyncio.create_task(provoke(acme.url))
        await asyncio.wait_for(received.wait(), 5)
        call.cancel()
        error = await call
    assert isinstance(error, asyncio.CancelledError)
    assert not leaks(*error_texts(error), caplog.text)


async def test_client_and_response_show_no_secret() -> None:
    async def script(connection: Connection) -> None:
        await connection.request()
        await connection.respond("200 OK", json.dumps({"id": TOKEN}).encode())

    async with wire_server(script) as acme:
        client = RestClient(acme.url, key=SecretStr(KEY))
        response = await client.call("POST", "/", {})
    assert not leaks(repr(client), str(vars(client)), repr(response))


@pytest.mark.parametrize("secret", PLANTED)
@pytest.mark.parametrize("chained", [True, False], ids=["chained", "local"])
def test_planted_leak_is_detected(secret: str, chained: bool) -> None:
    def fail(inner: Exception) -> None:
        try:
            raise inner
        except KeyError:
            raise ProvisionError("it broke.") from None

    def fail_with_a_local() -> None:
        local = [secret]
        raise ProvisionError(f"it broke {len(local)} times.")

    with pytest.raises(ProvisionError) as caught:
        fail(KeyError(PLANTED.index(secret), secret)) if chained else fail_with_a_local()
    error = caught.value
    assert secret not in str(error)
    assert leaks(*error_texts(error.with_traceback(None) if chained else error)) == {secret}
