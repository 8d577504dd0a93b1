"""A provider with a WebSocket over TCP on the loopback interface, in real time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

import avatar_core
from avatar_core import SocketAddress
from avatar_core.bases.socket_network import connect
from avatar_core.bases.socket_wire import HandshakeError, SocketClosedError
from avatar_core.bases.socket_wire import Wire as OpenSocket
from avatar_core.testing import Conversation, MemoryRoom, SocketFault, SocketVendor, serve_http
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.workers import mint
from avatar_core.testing.stock_plugin import make_request
from tests.unit.socket_provider import Wire, WireSettings, room_of, vendor_in

DEADLINE_S = 20.0


@asynccontextmanager
async def running(fault: str = "") -> AsyncIterator[tuple[SocketVendor, str]]:
    """Serve a vendor over TCP."""
    vendor = vendor_in(MemoryRoom())
    if fault:
        vendor.fail_socket(fault)
    async with serve_http(vendor) as url:
        yield vendor, url
    await vendor.aclose()


@pytest.mark.alone
@pytest.mark.slow
async def test_conversation_over_tcp_survives_a_dropped_socket() -> None:
    async with running("drops in mid-take") as (vendor, url):
        avatar = avatar_core.create_avatar([Wire(WireSettings(api_url=url))], livekit=IN_MEMORY)
        async with (
            asyncio.timeout(DEADLINE_S),
            Conversation(avatar, room_of(vendor)) as conversation,
        ):
            await avatar.wait_for_join()
            await conversation.over(conversation.say(5))
            assert conversation.faults() == []
            assert vendor.handshakes >= 2


def memory_request() -> avatar_core.ProvisionRequest:
    """Return a request whose token admits to a room in memory."""
    return replace(make_request(), mint=mint)


async def receive_all(wire: OpenSocket) -> None:
    """Receive messages until the socket closes."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await wire.receive()


async def open_socket(vendor: SocketVendor, url: str) -> tuple[SocketAddress, str]:
    """Create a session, and return the address of its socket and its token."""
    provider = Wire(WireSettings(api_url=url))
    await provider.provision(memory_request())
    socket_url = vendor.socket_url(vendor.account.sessions[-1])
    return SocketAddress(url=SecretStr(socket_url)), socket_url.rpartition("=")[2]


@pytest.mark.parametrize(("fault", "status"), [("refused handshake", 403), ("bad token", 401)])
async def test_refused_handshake_over_tcp_names_the_status(
    fault: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(fault) as (vendor, url):
        address, token = await open_socket(vendor, url)
        with pytest.raises(HandshakeError, match=f"status {status}") as caught:
            await connect(address)
        assert caught.value.status == status
        assert token not in f"{caught.value!r} {caught.value.__context__!r} {caplog.text}"


async def test_refused_connection_names_the_cause() -> None:
    address = SocketAddress(url=SecretStr("ws://127.0.0.1:1/?token=secret-token-1"))
    with pytest.raises(HandshakeError, match="connection refused") as caught:
        await connect(address)
    assert "secret-token" not in f"{caught.value!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (SocketFault(mode="close", code=1000), 1000),
        (SocketFault(mode="close", code=4001), 4001),
        (SocketFault(mode="abort"), 1006),
        (SocketFault(mode="send", message="x" * 2_000_000), 1009),
    ],
)
async def test_closed_socket_over_tcp_states_its_code(fault: SocketFault, code: int) -> None:
    async with running() as (vendor, url):
        address, _ = await open_socket(vendor, url)
        vendor.fail_socket(fault)
        wire = await connect(address)
        with pytest.raises(SocketClosedError) as caught:
            await receive_all(wire)
        assert caught.value.code == code
        await wire.aclose()


async def test_ping_over_tcp_is_a_sign_of_life() -> None:
    async with running() as (vendor, url):
        address, _ = await open_socket(vendor, url)
        wire = await connect(address)
        async with asyncio.timeout(DEADLINE_S):
            assert isinstance(await wire.receive(), str)
            await wire.ping()
            assert await wire.receive() is None
        await wire.aclose()
        await wire.aclose()
