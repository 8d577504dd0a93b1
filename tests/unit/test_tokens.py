"""Room tokens equal those of LiveKit's `AccessToken`."""

from __future__ import annotations

import datetime
from typing import Any

import jwt
import pytest
from livekit import api

from avatar_core.agents import rooms
from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.tokens import CLOCK_SKEW_S, TokenMint
from avatar_core.settings import LiveKitSettings
from avatar_core.testing.room.room import MemoryRoom

KEY, SECRET, NOW = "APIkey", "s" * 40, 1_800_000_000.6
SETTINGS = LiveKitSettings.load(url="ws://127.0.0.1:7880", api_key=KEY, api_secret=SECRET)
SPEC = TokenSpec(
    identity="avatar-1", name="A face", attributes={"lk.publish_on_behalf": "agent"}, ttl_s=90.4
)


def decode(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    return claims


def mint(spec: TokenSpec) -> dict[str, Any]:
    return decode(TokenMint(SETTINGS, "room", unix_time=lambda: NOW).mint(spec))


@pytest.mark.parametrize("can_subscribe", [False, True])
def test_token_claims_equal_those_of_livekit(can_subscribe: bool) -> None:
    spec = TokenSpec(
        identity=SPEC.identity,
        name=SPEC.name,
        attributes=SPEC.attributes,
        can_subscribe=can_subscribe,
    )
    livekit_claims = decode(
        api.AccessToken(KEY, SECRET)
        .with_identity(spec.identity)
        .with_name(spec.name)
        .with_kind("agent")
        .with_attributes(dict(spec.attributes))
        .with_ttl(datetime.timedelta(seconds=spec.ttl_s))
        .with_grants(
            api.VideoGrants(
                room_join=True,
                room="room",
                can_publish=True,
                can_publish_sources=["camera", "microphone"],
                can_subscribe=can_subscribe,
                can_publish_data=True,
                can_update_own_metadata=False,
            )
        )
        .to_jwt()
    )
    our_claims = mint(spec)
    times = {"nbf", "exp"}
    assert times <= livekit_claims.keys()
    assert {k: our_claims[k] for k in our_claims.keys() - times} == {
        k: livekit_claims[k] for k in livekit_claims.keys() - times
    }


def test_livekit_accepts_the_token() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(TokenMint(SETTINGS, "room").mint(SPEC))
    assert claims.identity == "avatar-1"
    assert claims.video is not None
    assert claims.video.room == "room"
    assert not claims.video.can_subscribe


async def test_token_follows_the_agent_to_another_room() -> None:
    link = MemoryRoom("first").join("agent")
    mint = rooms.mint_for(SETTINGS, link)
    link.room = MemoryRoom("second")
    assert decode(mint(SPEC))["video"]["room"] == link.room_name == "second"


def test_token_is_valid_from_just_before_now_for_its_ttl() -> None:
    claims = mint(SPEC)
    assert (claims["nbf"], claims["exp"]) == (int(NOW) - CLOCK_SKEW_S, int(NOW) + 90)


def test_identity_is_the_default_name() -> None:
    assert mint(TokenSpec(identity="avatar-1"))["name"] == "avatar-1"


def test_token_without_an_identity_or_a_room_raises_config_error() -> None:
    with pytest.raises(ConfigError):
        TokenMint(SETTINGS, "")
    with pytest.raises(ConfigError):
        mint(TokenSpec(identity=""))


def test_repr_shows_neither_key_nor_secret() -> None:
    shown = repr(TokenMint(SETTINGS, "room"))
    assert "'room'" in shown
    assert KEY not in shown
    assert SECRET not in shown
