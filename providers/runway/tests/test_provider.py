"""RunwayProvider with a Runway in memory: errors, the end of a session, and the probe."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from avatar_provider_runway import RunwayProvider
from avatar_provider_runway.fake import AVATARS, READY_AVATAR, FakeRunway

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
from avatar_core.testing import VendorFault
from avatar_core.testing.stock_plugin import make_request
from providers.runway.tests.cases import SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"
(UNREADY_AVATAR,) = AVATARS.keys() - {READY_AVATAR}


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "API key is not valid"),
        ({}, {"credits_s": 0.0}, PaymentError, "not have enough credits"),
        ({}, {"slots": 0}, CapacityError, "Too many requests"),
        ({"variant": "dog-character"}, {}, RejectedError, "The avatar is not valid"),
        ({"variant": UNREADY_AVATAR}, {}, RejectedError, "404"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeRunway, **account) as vendor:
        provider = connect(RunwayProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_session_is_cancelled_and_an_unknown_one_counts_as_ended() -> None:
    async with open_vendor(FakeRunway) as vendor:
        provider = connect(RunwayProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        for _ in range(2):
            await provider.release(avatar, "over")
        await provider.release(ProvisionedAvatar(session_id="a/b", identity="x"), "over")
        (session,) = vendor.account.sessions
        assert session.end_reason == "it was cancelled"


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_refused_end_raises_only_while_the_session_is_alive(status: int) -> None:
    async with open_vendor(FakeRunway) as vendor:
        provider = connect(RunwayProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        vendor.fail(VendorFault(on="end", status=status, message="Cannot be cancelled", times=2))
        with pytest.raises(UnavailableError, match=r"did not end the session: .*Cannot be"):
            await provider.release(avatar, "over")
        (session,) = vendor.account.active
        vendor.account.end(session, "its worker left")
        await provider.release(avatar, "over")


async def test_session_expires_after_the_maximum_duration() -> None:
    async with open_vendor(FakeRunway) as vendor:
        provider = connect(RunwayProvider, vendor, **SETTINGS, max_duration=60)
        before = time.time()
        avatar = await provider.provision(make_request())
        assert avatar.expires_at == pytest.approx(before + 60, abs=1)
        (session,) = vendor.account.sessions
        assert session.max_session_s == 60


async def test_probe_checks_key_credit_and_a_custom_avatar() -> None:
    async with open_vendor(FakeRunway) as vendor:
        await connect(RunwayProvider, vendor, **SETTINGS).probe()
        await connect(RunwayProvider, vendor, **SETTINGS, variant=READY_AVATAR).probe()
        unknown = "00000000-0000-4000-8000-000000000000"
        for settings, kind, said in (
            ({"api_key": "wrong"}, AuthError, "API key is not valid"),
            ({"variant": unknown}, RejectedError, "Not found"),
            ({"variant": UNREADY_AVATAR}, RejectedError, r"is not ready \(PROCESSING\)"),
        ):
            with pytest.raises(kind, match=said):
                await connect(RunwayProvider, vendor, **{**SETTINGS, **settings}).probe()
        vendor.balance = 0
        with pytest.raises(PaymentError, match="no credits left"):
            await connect(RunwayProvider, vendor, **SETTINGS).probe()
        assert not vendor.account.sessions


async def test_responses_of_the_fake_follow_the_openapi_document() -> None:
    async with open_vendor(FakeRunway) as vendor:
        provider = connect(RunwayProvider, vendor, **SETTINGS)
        headers = {"authorization": "Bearer vendor-key", "x-runway-version": "2024-11-06"}
        for end, status in ((None, "NOT_READY"), ("DELETE", "CANCELLED"), ("worker", "FAILED")):
            avatar = await provider.provision(make_request())
            path = f"/v1/realtime_sessions/{avatar.session_id}"
            if end == "DELETE":
                await provider.release(avatar, "over")
            elif end:
                vendor.account.end(vendor.account.active[-1], "its worker failed")
            shown = json.loads((await vendor.serve("GET", path, headers, b"")).body)
            check_schema(OPENAPI, "Session", shown)
            assert shown["status"] == status


async def test_fake_requires_the_version_and_refuses_unknown_keys() -> None:
    async with open_vendor(FakeRunway) as vendor:
        headers = {"authorization": "Bearer vendor-key"}
        response = await vendor.serve("GET", "/v1/organization", headers, b"")
        assert response.status == 400
        provider = connect(RunwayProvider, vendor, **SETTINGS)
        with pytest.raises(RejectedError, match='Unrecognized key: "voice"'):
            await provider.rest.call("POST", "/v1/realtime_sessions", {"voice": "x"})
