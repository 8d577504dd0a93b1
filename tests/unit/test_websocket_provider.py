"""A provider with a WebSocket in a whole conversation, with and without faults of the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import avatar_core
from avatar_core.testing import IN_MEMORY, Conversation, MemoryRoom, SocketVendor
from tests.unit.socket_provider import provider_of, vendor_in

pytestmark = pytest.mark.virtual_time

SPEECH, JOIN_S = 7, 40.0


def slow(fault: str) -> Any:
    """Return a parameter that runs in `make long-slow` only."""
    return pytest.param(fault, marks=pytest.mark.slow)


@asynccontextmanager
async def call(*faults: str, **attributes: Any) -> AsyncIterator[tuple[Conversation, SocketVendor]]:
    """Run a conversation with a vendor whose sockets have faults."""
    room = MemoryRoom()
    vendor = vendor_in(room)
    for fault in faults:
        vendor.fail_socket(fault)
    provider = provider_of(vendor, **attributes)
    avatar = avatar_core.create_avatar([provider], livekit=IN_MEMORY)
    async with Conversation(avatar, room) as conversation:
        await avatar.wait_for_join(timeout=JOIN_S)
        yield conversation, vendor
    assert vendor.account.active == []
    await vendor.aclose()


async def test_conversation_with_an_interruption_is_heard() -> None:
    async with call() as (conversation, vendor):
        assert conversation.avatar.provider == "wire"
        turn = conversation.say(SPEECH)
        await conversation.interrupt_at(turn, word=5)
        await conversation.over(turn)
        await conversation.over(conversation.say(SPEECH))
        assert conversation.faults() == []
        assert conversation.avatar.provider == "wire"
        assert vendor.handshakes == 1
        assert [one.kind for one in vendor.commands].count("cut") == 1


@pytest.mark.parametrize(
    "fault",
    [
        "late messages",
        slow("never confirms"),
        "garbage",
        slow("wrong JSON"),
        slow("handshake fails once"),
    ],
)
async def test_fault_that_costs_nothing_keeps_the_avatar(fault: str) -> None:
    async with call(fault) as (conversation, _):
        turn = conversation.say(SPEECH)
        await conversation.interrupt_at(turn, word=4)
        await conversation.over(turn)
        await conversation.over(conversation.say(SPEECH))
        assert conversation.faults() == []
        assert conversation.avatar.provider == "wire"
        assert conversation.avatar.last_error is None


@pytest.mark.parametrize("fault", ["drops in mid-take", slow("closes on error")])
async def test_socket_that_closes_for_a_moment_is_opened_again(fault: str) -> None:
    async with call(fault) as (conversation, vendor):
        await conversation.over(conversation.say(SPEECH))
        await conversation.over(conversation.say(3))
        assert conversation.faults() == []
        assert conversation.avatar.provider == "wire"
        assert conversation.avatar.last_error is None
        assert vendor.handshakes == 2
        assert len(vendor.account.sessions) == 1


@pytest.mark.parametrize(
    "fault",
    [
        *("drops for good", "dead socket", "stops reading", slow("huge message")),
        *(slow("closes normally"), slow("closes by policy"), slow("closes with own code")),
    ],
)
async def test_voice_speaks_the_rest_after_the_loss_of_a_socket(fault: str) -> None:
    async with call(fault) as (conversation, vendor):
        await conversation.over(conversation.say(SPEECH))
        assert conversation.faults() == []
        assert conversation.avatar.last_error is not None
        await conversation.over(conversation.say(2))
        assert conversation.faults() == []
        assert conversation.avatar.provider == "wire"
        assert len(vendor.account.sessions) == 2


async def test_socket_that_never_stays_open_ends_with_the_voice() -> None:
    async with call("drops every time") as (conversation, _):
        await conversation.over(conversation.say(SPEECH))
        assert conversation.faults() == []


@pytest.mark.parametrize(
    "fault",
    [slow("refused handshake"), "bad token", slow("no handshake"), "never ready"],
)
async def test_voice_speaks_if_the_socket_does_not_open(fault: str) -> None:
    async with call(fault) as (conversation, vendor):
        assert conversation.avatar.provider == "voice"
        await conversation.over(conversation.say(3))
        assert conversation.faults() == []
        assert vendor.account.active == []
