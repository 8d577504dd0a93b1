"""BeyProvider with a Beyond Presence in memory: errors, release and probe."""

from __future__ import annotations

from typing import Any

import pytest
from avatar_provider_bey import BeyProvider
from avatar_provider_bey.fake import FakeBey

from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionError,
    RejectedError,
    SafeRetry,
)
from avatar_core.testing.stock_plugin import make_request
from providers.bey.tests.cases import SETTINGS, UNTRAINED
from tests.support.vendor_tests import connect, open_vendor


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid API key"),
        ({}, {"credits_s": 0.0}, PaymentError, "Usage limit"),
        ({}, {"slots": 0}, CapacityError, "Concurrent session limit"),
        ({"avatar_id": "none"}, {}, RejectedError, "Avatar not found"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeBey, **account) as vendor:
        provider = connect(BeyProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_release_sends_nothing_because_no_call_ends_a_session() -> None:
    async with open_vendor(FakeBey) as vendor:
        provider = connect(BeyProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        sent = len(vendor.requests)
        await provider.release(avatar, "over")
        assert len(vendor.requests) == sent
        assert not provider.capabilities.ends_session
        assert provider.capabilities.safe_retry is SafeRetry.NEVER


async def test_validation_error_with_a_list_is_quoted() -> None:
    async with open_vendor(FakeBey) as vendor:
        provider = connect(BeyProvider, vendor, **SETTINGS)
        with pytest.raises(RejectedError, match=r"422.*url is required"):
            await provider.rest.call("POST", "/v1/sessions", {"avatar_id": UNTRAINED})


async def test_probe_checks_the_key_and_the_avatar() -> None:
    async with open_vendor(FakeBey) as vendor:
        await connect(BeyProvider, vendor, **SETTINGS).probe()
        for settings, said in (
            ({"api_key": "wrong"}, "Invalid API key"),
            ({"avatar_id": "none"}, "404"),
            ({"variant": UNTRAINED}, r"is not available \(training\)"),
        ):
            with pytest.raises(ProvisionError, match=said):
                await connect(BeyProvider, vendor, **{**SETTINGS, **settings}).probe()
        assert not vendor.account.sessions


async def test_session_limit_is_the_setting() -> None:
    async with open_vendor(FakeBey) as vendor:
        limited = connect(BeyProvider, vendor, **SETTINGS, max_session_s=180.0)
        assert (await limited.provision(make_request())).expires_at is not None
        free = connect(BeyProvider, vendor, **SETTINGS)
        assert (await free.provision(make_request())).expires_at is None
