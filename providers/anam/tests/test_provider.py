"""AnamProvider with an Anam in memory: errors, lookup, release and probe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from avatar_provider_anam import AnamProvider
from avatar_provider_anam.fake import FakeAnam

from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.testing.stock_plugin import make_request
from providers.anam.tests.cases import SETTINGS
from tests.support.vendor_tests import connect, open_vendor


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Unauthorized"),
        ({}, {"credits_s": 0.0}, CapacityError, "spend cap"),
        ({}, {"slots": 0}, CapacityError, "Concurrent session limit"),
        ({"avatar_id": "none"}, {}, RejectedError, "avatarId"),
        ({"video_width": 1152, "video_height": 720}, {}, RejectedError, "video size"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeAnam, **account) as vendor:
        provider = connect(AnamProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_lookup_finds_the_active_session_with_exactly_this_label() -> None:
    async with open_vendor(FakeAnam) as vendor:
        provider = connect(AnamProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request("a room/1"))
        for number in range(2, 120):
            vendor.account.create_session(name=f"a room/{number}", token="", livekit_url="")
        first = await provider.lookup("a room/1")  # also in the labels a room/10 and a room/100
        assert first is not None
        assert (first.session_id, first.identity) == (avatar.session_id, "")
        assert vendor.recorded[-1].path == "/v1/sessions?search=a%20room%2F1&perPage=100&page=1"
        vendor.recorded.clear()
        assert await provider.lookup("a room/") is None
        assert [request.path[-1] for request in vendor.recorded] == ["1", "2"]
        vendor.account.end(vendor.account.find(first.session_id), "its worker left")
        assert await provider.lookup("a room/1") is None


async def test_release_sends_nothing_because_anam_cannot_stop_livekit_sessions() -> None:
    async with open_vendor(FakeAnam) as vendor:
        provider = connect(AnamProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        await provider.release(avatar, "over")
        assert vendor.requests == [("POST", "/v1/engine/session")]
        assert not provider.capabilities.ends_session
        with pytest.raises(RejectedError, match="404"):
            await provider.rest.call("POST", f"/v1/sessions/{avatar.session_id}/stop")


async def test_private_livekit_url_is_rejected_before_the_first_request() -> None:
    async with open_vendor(FakeAnam) as vendor:
        request = replace(make_request(), livekit_url="ws://127.0.0.1:7880")
        with pytest.raises(UnavailableError, match="cannot connect to"):
            await connect(AnamProvider, vendor, **SETTINGS).provision(request)
        assert not vendor.requests


async def test_probe_checks_the_key_and_the_avatar() -> None:
    async with open_vendor(FakeAnam) as vendor:
        await connect(AnamProvider, vendor, **SETTINGS).probe()
        for settings, kind in (
            ({"api_key": "wrong"}, AuthError),
            ({"avatar_id": "x"}, RejectedError),
        ):
            with pytest.raises(kind):
                await connect(AnamProvider, vendor, **{**SETTINGS, **settings}).probe()
        assert not vendor.account.sessions


async def test_session_limit_is_the_setting() -> None:
    async with open_vendor(FakeAnam) as vendor:
        limited = connect(AnamProvider, vendor, **SETTINGS, max_session_length_seconds=120)
        assert limited.capabilities.max_session_s == 120.0
        avatar = await limited.provision(make_request())
        assert avatar.expires_at is not None
        assert connect(AnamProvider, vendor, **SETTINGS).capabilities.max_session_s == 3600.0
