"""Our tokens against those that LiveKit's own class makes."""

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


def decoded(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    return claims


def mint(spec: TokenSpec) -> dict[str, Any]:
    return decoded(TokenMint(SETTINGS, "room", unix_time=lambda: NOW).mint(spec))


@pytest.mark.parametrize("can_subscribe", [False, True])
def test_it_says_what_livekit_says(can_subscribe: bool) -> None:
    spec = TokenSpec(
        identity=SPEC.identity,
        name=SPEC.name,
        attributes=SPEC.attributes,
        can_subscribe=can_subscribe,
    )
    theirs = decoded(
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
    ours = mint(spec)
    times = {"nbf", "exp"}
    assert times <= theirs.keys()
    assert {k: ours[k] for k in ours.keys() - times} == {
        k: theirs[k] for k in theirs.keys() - times
    }


def test_livekit_accepts_it() -> None:
    claims = api.TokenVerifier(KEY, SECRET).verify(TokenMint(SETTINGS, "room").mint(SPEC))
    assert claims.identity == "avatar-1"
    assert claims.video is not None
    assert claims.video.room == "room"
    assert not claims.video.can_subscribe


async def test_it_opens_the_room_that_the_agent_was_moved_to() -> None:
    link = MemoryRoom("first").join("agent")
    mint = rooms.mint_for(SETTINGS, link)
    link.room = MemoryRoom("second")
    assert decoded(mint(SPEC))["video"]["room"] == link.room_name == "second"


def test_it_is_valid_from_a_little_earlier_to_the_asked_end() -> None:
    claims = mint(SPEC)
    assert (claims["nbf"], claims["exp"]) == (int(NOW) - CLOCK_SKEW_S, int(NOW) + 90)


def test_the_identity_stands_in_for_a_name() -> None:
    assert mint(TokenSpec(identity="avatar-1"))["name"] == "avatar-1"


def test_a_token_for_everybody_or_everywhere_is_refused() -> None:
    with pytest.raises(ConfigError):
        TokenMint(SETTINGS, "")
    with pytest.raises(ConfigError):
        mint(TokenSpec(identity=""))


def test_the_repr_keeps_key_and_secret() -> None:
    shown = repr(TokenMint(SETTINGS, "room"))
    assert "'room'" in shown
    assert KEY not in shown
    assert SECRET not in shown
