"""Whatever fails, neither a key nor a token comes out: messages, chains, tracebacks, logs."""

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
from tests.support.error_texts import error_texts
from tests.unit.wire_server import Caller, Talk, vendor

KEY, TOKEN, HEADER = "canary+key/1", "canary-token-2", "canary header 3"
JWT = ".".join(base64.urlsafe_b64encode(part).decode() for part in (b"a" * 30, b"b" * 60, b"c" * 9))
PLANTED = (KEY, TOKEN, HEADER, JWT)


def leaks(*texts: str) -> set[str]:
    return {secret for secret in PLANTED for text in texts if secret in text}


async def provoke(url: str, payload: object = None) -> BaseException:
    """The error of a call that carries every secret."""
    client = RestClient(url, key=SecretStr(KEY), provider="acme", timeout_s=0.3)
    try:
        answer = await client.call(
            "POST",
            "/sessions",
            payload or {"a": [SecretStr(TOKEN)], "jwt": SecretStr(JWT)},
            headers={"X-Other": SecretStr(HEADER)},
        )
        answer.text("id")
    except (ProvisionError, asyncio.CancelledError) as error:
        return error
    raise AssertionError("it should have failed")


async def echo(caller: Caller) -> None:
    """All that was sent comes back as the vendor's words."""
    head, body = await caller.request()
    said = json.dumps({"error": f"{body.decode()} {head}"})
    await caller.answer("400 Bad Request", said.encode())


async def echo_in_an_answer(caller: Caller) -> None:
    head, body = await caller.request()
    said = json.dumps({"token": body.decode(), "id": {"head": head}})
    await caller.answer("201 Created", said.encode())


async def silence(caller: Caller) -> None:
    await caller.request()
    await caller.gone()


async def reset(caller: Caller) -> None:
    await caller.request()
    caller.reset()


async def page(caller: Caller) -> None:
    head, body = await caller.request()
    await caller.answer("200 OK", b"<html>" + head.encode() + body)


async def babble(caller: Caller) -> None:
    head, body = await caller.request()
    await caller.say(head.encode() + body)


@pytest.mark.parametrize("talk", [echo, echo_in_an_answer, silence, reset, page, babble])
async def test_a_failing_call_shows_no_secret(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with vendor(talk) as acme:
        error = await provoke(acme.url)
    assert not leaks(*error_texts(error), caplog.text)


async def test_nor_does_one_that_was_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    port, _ = find_free_ports()
    refused = await provoke(f"http://127.0.0.1:{port}")
    unwritable = await provoke(f"http://127.0.0.1:{port}", {"a": SecretStr(TOKEN), "b": object()})
    assert not leaks(*error_texts(refused), *error_texts(unwritable), caplog.text)


async def test_nor_does_one_that_was_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = asyncio.Event()

    async def talk(caller: Caller) -> None:
        await caller.request()
        asked.set()
        await caller.gone()

    async with vendor(talk) as acme:
        calling = asyncio.create_task(provoke(acme.url))
        await asyncio.wait_for(asked.wait(), 5)
        calling.cancel()
        error = await calling
    assert isinstance(error, asyncio.CancelledError)
    assert not leaks(*error_texts(error), caplog.text)


async def test_nor_does_a_client_or_an_answer() -> None:
    async def talk(caller: Caller) -> None:
        await caller.request()
        await caller.answer("200 OK", json.dumps({"id": TOKEN}).encode())

    async with vendor(talk) as acme:
        client = RestClient(acme.url, key=SecretStr(KEY))
        answer = await client.call("POST", "/", {})
    assert not leaks(repr(client), str(vars(client)), repr(answer))


@pytest.mark.parametrize("secret", PLANTED)
@pytest.mark.parametrize("chained", [True, False], ids=["chained", "local"])
def test_a_leak_would_be_seen(secret: str, chained: bool) -> None:
    def fail(inner: Exception) -> None:
        try:
            raise inner
        except KeyError:
            raise ProvisionError("it broke.") from None

    def fail_with_a_local() -> None:
        held = [secret]
        raise ProvisionError(f"it broke {len(held)} times.")

    with pytest.raises(ProvisionError) as caught:
        fail(KeyError(PLANTED.index(secret), secret)) if chained else fail_with_a_local()
    error = caught.value
    assert secret not in str(error)
    assert leaks(*error_texts(error.with_traceback(None) if chained else error)) == {secret}
