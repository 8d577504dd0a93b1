"""ProtofaceProvider with a Protoface in memory: errors, retries, the end of a session."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from avatar_provider_protoface import ProtofaceProvider
from avatar_provider_protoface.fake import PLAN_LIMIT_S, FakeProtoface

from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionedAvatar,
    ProvisionError,
    RejectedError,
    SafeRetry,
    UnavailableError,
)
from avatar_core.testing import VendorFault, json_response
from avatar_core.testing.stock_plugin import make_request
from providers.protoface.tests.cases import SETTINGS
from tests.support.vendor_tests import check_schema, connect, open_vendor

OPENAPI = Path(__file__).parent / "openapi.json"


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid API key"),
        ({}, {"credits_s": 0.0}, PaymentError, "no usable credits"),
        ({}, {"slots": 0}, CapacityError, "maximum of concurrent sessions"),
        ({"avatar_id": "av_none"}, {}, RejectedError, "does not exist"),
        ({"avatar_id": "av_new"}, {}, RejectedError, "409 Conflict: The avatar is not ready"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeProtoface, **account) as vendor:
        provider = connect(ProtofaceProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_missing_worker_capacity_may_be_repeated_after_the_stated_time() -> None:
    full = VendorFault(status=503, message="No free workers.", headers={"Retry-After": "7"})
    async with open_vendor(FakeProtoface) as vendor:
        vendor.fail(full)
        with pytest.raises(UnavailableError, match="No free workers") as caught:
            await connect(ProtofaceProvider, vendor, **SETTINGS).provision(make_request())
        error = caught.value
        assert (error.outcome, error.retryable, error.retry_after_s) == (Outcome.REJECTED, True, 7)


async def test_repeated_request_returns_the_first_session() -> None:
    async with open_vendor(FakeProtoface) as vendor:
        provider = connect(ProtofaceProvider, vendor, **SETTINGS)
        assert provider.capabilities.safe_retry is SafeRetry.KEY
        request = make_request()
        token = request.avatar_token()
        object.__setattr__(request, "mint", lambda _: token)  # as avatar-core mints once
        first, second = [await provider.provision(request) for _ in range(2)]
        assert first.session_id == second.session_id
        assert len(vendor.account.sessions) == 1
        object.__setattr__(request, "room_name", "another room")
        with pytest.raises(RejectedError, match="used for another request"):
            await provider.provision(request)


@pytest.mark.parametrize(
    ("settings", "cap_s"),
    [({}, PLAN_LIMIT_S), ({"max_duration_seconds": 600}, 600), ({"max_duration_seconds": 3600}, 0)],
)
async def test_session_expires_at_the_limit_that_protoface_reports(
    settings: dict[str, Any], cap_s: int
) -> None:
    async with open_vendor(FakeProtoface) as vendor:
        provider = connect(ProtofaceProvider, vendor, **SETTINGS, **settings)
        before = time.time()
        avatar = await provider.provision(make_request())
        assert avatar.expires_at is not None
        assert avatar.expires_at - before == pytest.approx(cap_s or PLAN_LIMIT_S, abs=1)


@pytest.mark.parametrize("limit", [None, "soon", 12.5])
async def test_unusable_limit_in_the_response_does_not_lose_the_session(
    limit: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def respond(*_: object) -> object:
        return json_response(201, {"id": "sess_1", "max_duration_seconds": limit})

    async with open_vendor(FakeProtoface) as vendor:
        monkeypatch.setattr(vendor, "handle", respond)
        avatar = await connect(ProtofaceProvider, vendor, **SETTINGS).provision(make_request())
        assert (avatar.session_id, avatar.expires_at) == ("sess_1", None)


async def test_release_is_idempotent_and_accepts_an_unknown_session() -> None:
    async with open_vendor(FakeProtoface) as vendor:
        provider = connect(ProtofaceProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        for _ in range(2):
            await provider.release(avatar, "over")
        await provider.release(ProvisionedAvatar(session_id="sess_none", identity="x"), "over")
        assert not vendor.account.active


async def test_probe_checks_key_credit_and_avatar() -> None:
    async with open_vendor(FakeProtoface) as vendor:
        await connect(ProtofaceProvider, vendor, **SETTINGS).probe()
        for settings, kind, said in (
            ({"api_key": "wrong"}, AuthError, "Invalid API key"),
            ({"avatar_id": "av_none"}, RejectedError, "There is no such resource"),
            ({"variant": "av_new"}, RejectedError, r"av_new is not ready \(processing\)"),
        ):
            with pytest.raises(kind, match=said):
                await connect(ProtofaceProvider, vendor, **{**SETTINGS, **settings}).probe()
        vendor.balance = 0
        with pytest.raises(PaymentError, match="no credits left"):
            await connect(ProtofaceProvider, vendor, **SETTINGS).probe()
        assert not vendor.account.sessions


async def test_responses_of_the_fake_follow_the_openapi_document() -> None:
    async with open_vendor(FakeProtoface) as vendor:
        provider = connect(ProtofaceProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        path = f"/v1/sessions/{avatar.session_id}"
        headers = {"authorization": "Bearer vendor-key"}
        for method, route, status in (
            ("GET", path, "queued"),
            ("POST", f"{path}/end", "canceled"),
            ("POST", f"{path}/end", "canceled"),
        ):
            shown = json.loads((await vendor.serve(method, route, headers, b"")).body)
            check_schema(OPENAPI, "Session", shown)
            assert shown["status"] == status
            assert shown["transport"]["worker_token"] == "[redacted]"
