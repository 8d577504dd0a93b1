"""LiveAvatarProvider with a LiveAvatar in memory: errors, the end of a session, conversations."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from avatar_provider_liveavatar import set_listening
from avatar_provider_liveavatar.fake import FakeLiveAvatar
from avatar_provider_liveavatar.settings import SANDBOX_AVATAR

import avatar_core
from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionedAvatar,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.testing import (
    IN_MEMORY,
    Conversation,
    MemoryRoom,
    VendorAccount,
    VendorFault,
    launch_no_worker,
)
from avatar_core.testing.stock_plugin import make_request
from providers.liveavatar.tests.cases import NEW_AVATAR, connect, open_api


@pytest.mark.parametrize(
    ("settings", "options", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid API key"),
        ({}, {"slots": 0}, CapacityError, "Too many sessions"),
        ({"avatar_id": SANDBOX_AVATAR[::-1]}, {}, RejectedError, "Avatar not found"),
        ({"is_sandbox": True}, {}, RejectedError, "does not support this avatar"),
    ],
)
async def test_refused_session_raises_the_error_of_its_status(
    settings: dict[str, Any], options: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_api(**options) as vendor:
        with pytest.raises(kind, match=said) as caught:
            await connect(vendor, **settings).provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_account_without_credit_raises_a_payment_error() -> None:
    async with open_api() as vendor:
        vendor.fail("402")
        with pytest.raises(PaymentError, match="out of credits"):
            await connect(vendor).provision(make_request())


async def test_session_is_claimed_before_it_starts() -> None:
    claimed: list[ProvisionedAvatar] = []
    async with open_api() as vendor:
        vendor.fail("500 after create")
        provider = connect(vendor)
        with pytest.raises(UnavailableError) as caught:
            await provider.provision(replace(make_request(), claim=claimed.append))
        assert caught.value.outcome is Outcome.UNKNOWN
        (session,) = vendor.account.sessions
        assert [avatar.session_id for avatar in claimed] == [session.id]
        await connect(vendor).release(claimed[0], "from the record alone")
        assert vendor.account.active == []


async def test_release_accepts_a_session_that_has_ended_or_is_unknown() -> None:
    async with open_api() as vendor:
        provider = connect(vendor)
        avatar = await provider.provision(make_request())
        for _ in range(2):
            await provider.release(avatar, "over")
        await provider.release(ProvisionedAvatar(session_id="none", identity="x"), "over")
        vendor.fail(VendorFault(on="end", status=400, message="The session has ended.", times=0))
        await provider.release(avatar, "LiveAvatar refuses, but shows the end of the session")
        other = await provider.provision(make_request("room-2"))
        with pytest.raises(UnavailableError, match="did not end the session"):
            await provider.release(other, "LiveAvatar refuses, and the session is active")


@pytest.mark.parametrize(
    ("settings", "cap_s"),
    [
        ({}, None),
        ({"max_session_duration": 600}, 600),
        ({"is_sandbox": True, "avatar_id": None}, 60),
    ],
)
async def test_session_expires_at_the_limit_of_the_settings(
    settings: dict[str, Any], cap_s: float | None
) -> None:
    async with open_api() as vendor:
        avatar = await connect(vendor, **settings).provision(make_request())
        left_s = avatar.expires_at and avatar.expires_at - time.time()
        assert left_s == (cap_s and pytest.approx(cap_s, abs=2))


async def test_probe_checks_key_and_avatar() -> None:
    async with open_api() as vendor:
        await connect(vendor).probe()
        for settings, kind, said in (
            ({"api_key": "wrong"}, AuthError, "Invalid API key"),
            ({"variant": NEW_AVATAR}, RejectedError, r"is not ready \(DEPLOYING\)"),
            ({"is_sandbox": True}, RejectedError, "the sandbox does not accept the avatar"),
        ):
            with pytest.raises(kind, match=said):
                await connect(vendor, **settings).probe()
        assert not vendor.account.sessions


@pytest.mark.virtual_time
async def test_conversation_with_an_interruption_is_heard() -> None:
    room = MemoryRoom()
    vendor = FakeLiveAvatar(VendorAccount(launch_no_worker, room=room))
    avatar = avatar_core.create_avatar([connect(vendor)], livekit=IN_MEMORY)
    async with Conversation(avatar, room) as conversation:
        await avatar.wait_for_join()
        turn = conversation.say(7)
        await conversation.interrupt_at(turn, word=4)
        await conversation.over(turn)
        await set_listening(avatar, False)
        await conversation.over(conversation.say(7))
        assert conversation.faults() == []
        assert (avatar.provider, avatar.last_error) == ("liveavatar", None)
    assert vendor.account.active == []
    await vendor.aclose()


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "fault", ["drops in mid-take", pytest.param("dead socket", marks=pytest.mark.slow)]
)
async def test_voice_speaks_the_rest_after_the_loss_of_the_socket(fault: str) -> None:
    room = MemoryRoom()
    vendor = FakeLiveAvatar(VendorAccount(launch_no_worker, room=room))
    vendor.fail_socket(fault)
    avatar = avatar_core.create_avatar([connect(vendor)], livekit=IN_MEMORY)
    async with Conversation(avatar, room) as conversation:
        await avatar.wait_for_join()
        await conversation.over(conversation.say(7))
        assert conversation.faults() == []
        assert avatar.last_error is not None
    assert vendor.account.active == []
    assert len(vendor.account.sessions) <= 2
    await vendor.aclose()
