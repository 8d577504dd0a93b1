"""The display name and the attributes that an avatar's participant has in the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jwt
import pytest
from avatar_provider_mock import MockSettings

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.provisioning import ProvisionRequest, TokenSpec
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.provisioning.lease import Lease
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider

pytestmark = pytest.mark.virtual_time

SECRET = "s" * 40
LIVEKIT = LiveKitSettings.load(url="ws://h", api_key="key", api_secret=SECRET)


class TokenProvider(ScriptedProvider):
    """A provider that makes the token of its avatar, and a token for another participant."""

    tokens: Sequence[str] = ()

    async def provision(self, request: ProvisionRequest) -> Any:
        self.tokens = (
            request.avatar_token(),
            request.mint(
                TokenSpec(identity=request.identity, name="vendor", attributes={"a": "v"})
            ),
            request.mint(TokenSpec(identity="vendor-audio")),
        )
        return await super().provision(request)


async def claims_of(room: MemoryRoom, **display: Any) -> list[dict[str, Any]]:
    """Provision an avatar with LiveKit's tokens, and return the claims of each token."""
    provider = TokenProvider(room)
    harness = FailoverHarness(room, provider, mint=TokenMint(LIVEKIT, "room").mint, **display)
    lease = await Lease.provision(provider, harness.context)
    await lease.release("the test is over")
    await harness.close()
    return [jwt.decode(token, SECRET, algorithms=["HS256"]) for token in provider.tokens]


async def test_token_contains_the_name_and_the_attributes(room: MemoryRoom) -> None:
    attributes = {"role": "tutor", "a": "ours", PUBLISH_ON_BEHALF: "somebody else"}
    avatar, own, other = await claims_of(room, avatar_name="Ada", avatar_attributes=attributes)
    assert avatar["name"] == own["name"] == "Ada"
    assert avatar["attributes"] == {"role": "tutor", "a": "ours", PUBLISH_ON_BEHALF: AGENT}
    assert own["attributes"] == {**attributes, "a": "v"}
    assert (other["name"], other["attributes"]) == ("vendor-audio", {})


async def test_token_without_settings_has_the_identity_as_its_name(room: MemoryRoom) -> None:
    avatar, own, _ = await claims_of(room)
    assert avatar["name"] == avatar["sub"]
    assert avatar["attributes"] == {PUBLISH_ON_BEHALF: AGENT}
    assert own["name"] == "vendor"


async def test_participants_see_the_attributes_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVATAR_ATTRIBUTES", '{"role": "tutor"}')
    mock = MockSettings(width=64, height=64)
    avatar = create_avatar(mock, livekit=IN_MEMORY, settings=AvatarSettings.load(name=" Ada "))
    async with Conversation(avatar) as conversation:
        await avatar.wait_for_join(timeout=10.0)
        seen = conversation.room.agent().remote_participants()[avatar.avatar_identity]
        assert seen.attributes == {"role": "tutor", PUBLISH_ON_BEHALF: "agent"}
    assert avatar._settings.name == "Ada"
