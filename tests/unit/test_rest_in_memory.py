"""A REST provider of another package, in a room in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

import avatar_core
from avatar_core.testing import (
    IN_MEMORY,
    Conversation,
    FakeVendor,
    MemoryRoom,
    VendorAccount,
    make_launcher,
)

pytestmark = pytest.mark.virtual_time


class ThirdSettings(avatar_core.ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="THIRD_")
    provider: ClassVar[str] = "third"
    api_key: SecretStr = SecretStr("vendor-key")


class Third(avatar_core.RestAvatarProvider[ThirdSettings]):
    name = "third"
    api_version = (1, 0)
    capabilities = avatar_core.Capabilities(audio=avatar_core.AudioFormat(24_000))
    url = "https://api.third.example"
    create, end = "POST /v1/sessions", "POST /v1/sessions/{id}/end"

    def payload(self, request: avatar_core.ProvisionRequest) -> Mapping[str, Any]:
        token = SecretStr(request.avatar_token())
        return {"name": request.key, "livekit_url": request.livekit_url, "token": token}


def provider_of(vendor: FakeVendor) -> Third:
    cls: type[Third] = type("ThirdInMemory", (Third,), {"transport": vendor.transport})
    return cls(ThirdSettings())


async def test_conversation_runs_with_the_avatar_of_the_vendor() -> None:
    room = MemoryRoom()
    vendor = FakeVendor(VendorAccount(make_launcher(room)))
    avatar = avatar_core.create_avatar([provider_of(vendor)], livekit=IN_MEMORY)
    async with Conversation(avatar, room) as conversation:
        await avatar.wait_for_join()
        assert avatar.provider == "third"
        assert avatar.last_error is None
        turn = conversation.say(12)
        await conversation.interrupt_at(turn, word=5)
        await conversation.over(turn)
        assert conversation.faults() == []
        (session,) = vendor.account.sessions
        assert session.livekit_url.startswith("wss://")
    vendor.check_called()
    vendor.check_called("end")
    assert vendor.account.active == []
    await vendor.aclose()


async def test_vendor_on_the_network_is_not_called_for_a_room_in_memory() -> None:
    avatar = avatar_core.create_avatar([Third(ThirdSettings())], livekit=IN_MEMORY)
    async with Conversation(avatar) as conversation:
        await avatar.wait_for_join()
        assert avatar.provider == "voice"
        assert "cannot connect to an in-memory room" in str(avatar.last_error)
        assert "FakeVendor" in str(avatar.last_error)
        await conversation.over(conversation.say(3))


async def test_check_fails_if_no_call_has_reached_the_vendor() -> None:
    room = MemoryRoom()
    vendor = FakeVendor(VendorAccount(make_launcher(room)))
    with pytest.raises(AssertionError, match="No create call has reached the fake vendor"):
        vendor.check_called()
    avatar = avatar_core.create_avatar([provider_of(vendor)], livekit=IN_MEMORY)
    async with Conversation(avatar, room):
        await avatar.wait_for_join()
        vendor.check_called()
        with pytest.raises(AssertionError, match="calls: create"):
            vendor.check_called("end")
    await vendor.aclose()


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ({"id": "{id}", "reason": "over"}, {"id": "s-1", "reason": "over"}),
        ({"session": {"id": "{id}"}, "ids": ["{id}"]}, {"session": {"id": "s-1"}, "ids": ["s-1"]}),
    ],
)
async def test_end_request_body_contains_the_session_id(
    declared: Mapping[str, Any], sent: Mapping[str, Any]
) -> None:
    vendor = FakeVendor(VendorAccount(make_launcher(MemoryRoom())))
    provider = provider_of(vendor)
    type(provider).end_payload = declared
    await provider.release(avatar_core.ProvisionedAvatar(session_id="s-1", identity="a"), "over")
    assert vendor.recorded[-1].body == sent
    await provider.aclose()
    await vendor.aclose()
