"""A socket transport: its handshake, the secrets in it, and what a record of a session holds."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import avatar_core
from avatar_core import SocketAddress
from avatar_core.bases.socket_wire import HandshakeError
from avatar_core.bases.socket_wire import Wire as OpenSocket
from avatar_core.testing import MemoryRoom, SocketFault
from avatar_core.testing.clock import now
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.room.workers import mint
from avatar_core.testing.stock_plugin import make_request
from avatar_core.testing.suites.secrets import error_texts
from tests.unit.socket_provider import Wire, WireSettings, provider_of, room_of, vendor_in

pytestmark = pytest.mark.virtual_time

FORMAT = avatar_core.AudioFormat(24_000)
SECRET = "socket-secret-0123456789"


def context(room: MemoryRoom, avatar: avatar_core.ProvisionedAvatar) -> avatar_core.SinkContext:
    return avatar_core.SinkContext(
        link=room.agent(),
        avatar=avatar,
        capabilities=Wire.capabilities,
        clock=now,
        log=logging.LoggerAdapter(logging.getLogger("avatar_core"), {}),
    )


async def error_of(call: Callable[[], Any]) -> avatar_core.AvatarError:
    """Return the error of a call; its traceback does not contain the frame of the test."""
    try:
        result = call()
        if isinstance(result, Awaitable):
            await result
    except avatar_core.AvatarError as error:
        return error
    raise AssertionError("The call raised no error.")


def memory_request() -> avatar_core.ProvisionRequest:
    """Return a request whose token admits to a room in memory."""
    return replace(make_request(), mint=mint)


class Recorder:
    """Opens sockets that never close, and records their addresses."""

    def __init__(self) -> None:
        self.addresses: list[SocketAddress] = []
        self.received: list[str | bytes] = []

    async def connect(self, address: SocketAddress) -> OpenSocket:
        self.addresses.append(address)
        client, server = MemoryWire.make_pair()
        self._reading = asyncio.create_task(self._read(server))
        return client

    async def _read(self, server: MemoryWire) -> None:
        while True:
            if (message := await server.receive()) is not None:
                self.received.append(message)


def response_with(**values: str) -> avatar_core.Response:
    return avatar_core.Response(201, {"data": {"id": "s1", **values}}, "wire")


@pytest.mark.parametrize(
    ("attributes", "url", "headers"),
    [
        ({}, f"wss://a.example/s?token={SECRET}", {}),
        ({"socket_auth": "?key"}, f"wss://a.example/s?token={SECRET}&key=vendor-key", {}),
        (
            {"socket_auth": "Authorization: Bearer", "socket_token_key": "data.pass"},
            f"wss://a.example/s?token={SECRET}",
            {"Authorization": "Bearer pass-of-the-session"},
        ),
        ({"socket_auth": "x-key"}, f"wss://a.example/s?token={SECRET}", {"x-key": "vendor-key"}),
    ],
)
def test_address_carries_its_token_as_declared(
    attributes: dict[str, str], url: str, headers: dict[str, str]
) -> None:
    names = {"socket_key": "data.url", **attributes}
    provider = type("Declared", (Wire,), names)(WireSettings())
    values = {"url": f"wss://a.example/s?token={SECRET}", "pass": "pass-of-the-session"}
    address = provider.address(response_with(**values), make_request())
    assert address.url.get_secret_value() == url
    assert {name: value.get_secret_value() for name, value in address.headers.items()} == headers
    assert SECRET not in repr(address)
    assert "pass-of-the-session" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        *("", "https://a.example/s", "ws://a.example/s", "wss:///s", "wss://[", "wss://a b/s"),
        *("wss://user:password-123@a.example/s", "wss://a.example/s\n"),
    ],
)
async def test_invalid_url_of_a_socket_is_refused_without_a_quote(url: str) -> None:
    provider = type("Declared", (Wire,), {"socket_key": "data.url"})(WireSettings())
    response = response_with(url=f"{url}?token={SECRET}" if url else "")
    error = await error_of(partial(provider.address, response, make_request()))
    assert isinstance(error, avatar_core.ProtocolError)
    for found in error_texts(error):
        assert SECRET not in found
        assert "password-123" not in found


async def test_session_without_a_create_call_begins_with_the_socket() -> None:
    class Bare(Wire):
        url, create, end, waits_for_ready = "wss://a.example/stream", "", "", False
        socket_auth = "Authorization: Bearer"

    recorder, room = Recorder(), MemoryRoom()
    provider = type("Declared", (Bare,), {"connect": recorder.connect})(WireSettings())
    assert not provider.capabilities.ends_session
    avatar = await provider.provision(make_request())
    sink = provider.create_sink(context(room, avatar))
    assert sink is not None
    opening = asyncio.create_task(sink.open())
    await asyncio.sleep(1.0)
    (address,) = recorder.addresses
    assert address.url.get_secret_value() == "wss://a.example/stream"
    assert address.headers["Authorization"].get_secret_value() == "Bearer vendor-key"
    first = json.loads(recorder.received[0])
    assert first["name"] == "room-1"
    assert first["token"].count(".") == 2
    opening.cancel()
    await sink.aclose()
    await provider.release(avatar, "over")


async def test_record_holds_no_address_and_ends_the_session_elsewhere() -> None:
    vendor = vendor_in(MemoryRoom())
    provider = provider_of(vendor)
    avatar = await provider.provision(memory_request())
    (session,) = vendor.account.sessions
    assert vendor.socket_url(session).rpartition("=")[2] not in repr(avatar)
    assert not avatar.state
    other = provider_of(vendor)
    await other.release(avatar, "another process ends it")
    assert vendor.account.active == []
    with pytest.raises(avatar_core.TransportError, match="address of the vendor's socket"):
        other.create_sink(context(room_of(vendor), avatar))
    await vendor.aclose()


async def test_vendor_text_in_an_error_contains_no_secret() -> None:
    vendor = vendor_in(MemoryRoom())
    provider = provider_of(vendor)
    avatar = await provider.provision(memory_request())
    token = vendor.socket_url(vendor.account.sessions[0]).rpartition("=")[2]
    said = json.dumps({"type": "error", "message": f"bad token {token} in wss://x/?token={token}"})
    vendor.fail_socket(SocketFault(mode="send", message=said))
    sink = provider.create_sink(context(room_of(vendor), avatar))
    assert sink is not None
    ended = asyncio.create_task(provider.watch(avatar))
    error = await error_of(sink.open)
    assert "bad token <secret>" in str(error)
    for text in (*error_texts(error), await ended):
        assert token not in text
    await sink.aclose()
    await provider.release(avatar, "over")
    await vendor.aclose()


async def test_refused_handshake_contains_no_secret() -> None:
    async def refuse(address: SocketAddress) -> OpenSocket:
        raise HandshakeError("the vendor refused the handshake with status 401", 401)

    vendor = vendor_in(MemoryRoom())
    provider = provider_of(vendor)
    provider.connect = refuse
    avatar = await provider.provision(memory_request())
    token = vendor.socket_url(vendor.account.sessions[0]).rpartition("=")[2]
    sink = provider.create_sink(context(room_of(vendor), avatar))
    assert sink is not None
    error = await error_of(sink.open)
    assert "status 401. Check the API key" in str(error)
    assert all(token not in text for text in error_texts(error))
    await sink.aclose()
    await vendor.aclose()


async def test_keep_alive_and_pings_keep_an_idle_socket_open() -> None:
    vendor = vendor_in(MemoryRoom())
    provider = provider_of(vendor, keep_alive_s=60.0)
    avatar = await provider.provision(memory_request())
    sink = provider.create_sink(context(room_of(vendor), avatar))
    assert sink is not None
    session_task = asyncio.create_task(sink.open())
    await asyncio.sleep(200.0)
    assert [one.kind for one in vendor.commands] == ["alive"] * 3
    assert vendor.handshakes == 1
    session_task.cancel()
    await sink.aclose()
    await sink.aclose()
    await provider.release(avatar, "over")
    await vendor.aclose()
