"""The parts of a socket transport: pieces, facts, handshakes, secrets, and what a record holds."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import avatar_core
from avatar_core import SocketAddress, SocketFact, SocketOptions, Take, TakeState
from avatar_core.bases.socket_sink import Pieces
from avatar_core.bases.socket_tracker import SocketTracker
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


def speak(take: Take, pushed_s: float) -> Take:
    take.pushed_s = pushed_s
    return take


async def error_of(call: Callable[[], Any]) -> avatar_core.AvatarError:
    """Return the error of a call; its traceback does not contain the frame of the test."""
    try:
        result = call()
        if isinstance(result, Awaitable):
            await result
    except avatar_core.AvatarError as error:
        return error
    raise AssertionError("The call raised no error.")


# Pieces of audio.


@pytest.mark.parametrize("chunk_s", [0.02, 0.1, 0.7])
def test_pieces_keep_the_limits_and_all_audio(chunk_s: float) -> None:
    options = SocketOptions(first_chunk_s=0.3, min_chunk_s=0.5, max_chunk_s=0.6, pads_last=False)
    pieces, sent, pushed = Pieces(FORMAT, options), [], b""
    for number in range(20):
        chunk = bytes([number]) * FORMAT.size(chunk_s)
        pushed += chunk
        sent += list(pieces.add(chunk))
    rest = list(pieces.rest())
    assert b"".join([*sent, *rest]) == pushed
    lengths_s = [FORMAT.duration_s(len(piece)) for piece in sent]
    assert lengths_s[0] >= 0.3
    assert all(0.5 <= length_s <= 0.6 for length_s in lengths_s[1:])
    assert all(FORMAT.duration_s(len(piece)) <= 0.6 for piece in rest)


def test_pieces_without_a_minimum_are_sent_at_once() -> None:
    pieces = Pieces(FORMAT, SocketOptions())
    assert list(pieces.add(b"\1\2" * 480)) == [b"\1\2" * 480]
    assert list(pieces.add(b"")) == list(pieces.rest()) == []


# Facts.


@asynccontextmanager
async def tracker_with_take(pushed_s: float = 2.0) -> AsyncIterator[tuple[SocketTracker, Take]]:
    avatar = avatar_core.ProvisionedAvatar(session_id="s", identity="avatar")
    tracker = SocketTracker(context(MemoryRoom(), avatar), lambda: False)
    take = Take(1, FORMAT)
    tracker.follow(take)
    take.pushed_s = pushed_s
    yield tracker, take
    await tracker.aclose()


async def test_facts_of_the_current_take_are_applied() -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(1.0)
        assert tracker.apply(SocketFact("started", take.id))
        assert tracker.apply(SocketFact("position", take.id, 0.9))
        assert (take.state, take.position_s) == (TakeState.PLAYING, pytest.approx(0.9))
        assert not tracker.is_estimate
        take.ended = True
        await asyncio.sleep(1.0)
        assert tracker.apply(SocketFact("finished"))
        assert (take.state, take.position_s) == (TakeState.DONE, 2.0)
        assert not tracker.may_sound


@pytest.mark.parametrize(
    ("fact", "is_possible"),
    [
        (SocketFact("position", "other-take", 1.0), True),
        (SocketFact("position", "", 9.0), True),
        (SocketFact("position", "", float("nan")), False),
        (SocketFact("position", "", float("inf")), True),
        (SocketFact("position", "", -1.0), False),
        (SocketFact("finished"), True),
    ],
)
async def test_facts_that_cannot_be_about_the_take_are_ignored(
    fact: SocketFact, is_possible: bool
) -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(0.3)
        before = take.state, take.position_s
        assert tracker.apply(fact) is is_possible
        assert (take.state, take.position_s) == before


async def test_early_finish_of_a_complete_take_is_ignored() -> None:
    async with tracker_with_take(pushed_s=5.0) as (tracker, take):
        take.ended = True
        await asyncio.sleep(1.0)
        tracker.apply(SocketFact("finished", take.id))
        assert not take.state.final


async def test_finish_after_a_cut_confirms_the_cut() -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(1.0)
        take.cutting = True
        tracker.apply(SocketFact("finished", take.id, 0.8))
        assert (take.state, take.position_s) == (TakeState.CUT, pytest.approx(0.8))


async def test_estimate_stands_still_while_the_socket_is_down() -> None:
    avatar = avatar_core.ProvisionedAvatar(session_id="s", identity="avatar")
    down: list[bool] = []
    tracker = SocketTracker(context(MemoryRoom(), avatar), lambda: bool(down))
    take = Take(1, FORMAT)
    tracker.follow(take)
    take.pushed_s = 5.0
    await asyncio.sleep(0.1)
    tracker.apply(SocketFact("started"))
    await asyncio.sleep(1.0)
    down.append(True)
    await asyncio.sleep(0.05)
    before_s = take.position_s
    await asyncio.sleep(1.0)
    assert take.position_s == before_s > 0.8
    await tracker.aclose()


# The handshake, and the secrets in it.


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


def test_piece_that_is_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(avatar_core.ConfigError, match=r"max_chunk_s=0\.5 is shorter"):
        type("Declared", (Wire,), {"min_chunk_s": 1.0, "max_chunk_s": 0.5})(WireSettings())


def test_run_ahead_is_long_enough_for_two_pieces() -> None:
    provider: Any = type("Declared", (Wire,), {"min_chunk_s": 1.0})(WireSettings())
    assert provider.capabilities.run_ahead_s == 2.0
