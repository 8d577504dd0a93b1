"""DidProvider with a D-ID in memory: errors, release and probe."""

from __future__ import annotations

from typing import Any

import pytest
from avatar_provider_did import DidProvider
from avatar_provider_did.fake import FakeDid

from avatar_core import (
    AudioFormat,
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionError,
    RejectedError,
    SafeRetry,
)
from avatar_core.testing.stock_plugin import make_request
from providers.did.tests.cases import PHOTO, SETTINGS
from tests.support.vendor_tests import connect, open_vendor


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "user unauthenticated"),
        ({}, {"credits_s": 0.0}, PaymentError, "not enough credits"),
        ({}, {"slots": 0}, CapacityError, "too many sessions"),
        ({"agent_id": "none"}, {}, RejectedError, "agent not found"),
        ({"agent_id": PHOTO}, {}, RejectedError, "not an Expressive Agent"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeDid, **account) as vendor:
        provider = connect(DidProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_release_sends_nothing_because_no_call_ends_a_session() -> None:
    async with open_vendor(FakeDid) as vendor:
        provider = connect(DidProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        sent = len(vendor.requests)
        await provider.release(avatar, "over")
        assert len(vendor.requests) == sent
        assert not provider.capabilities.ends_session
        assert provider.capabilities.safe_retry is SafeRetry.NEVER


async def test_probe_checks_the_key_and_the_agent() -> None:
    async with open_vendor(FakeDid) as vendor:
        await connect(DidProvider, vendor, **SETTINGS).probe()
        for settings, said in (
            ({"api_key": "wrong"}, "user unauthenticated"),
            ({"agent_id": "none"}, "agent not found"),
            ({"variant": PHOTO}, "has the type talk, and cannot join"),
        ):
            with pytest.raises(ProvisionError, match=said):
                await connect(DidProvider, vendor, **{**SETTINGS, **settings}).probe()
        assert not vendor.account.sessions


async def test_capabilities_follow_the_settings() -> None:
    async with open_vendor(FakeDid) as vendor:
        can = connect(
            DidProvider, vendor, **SETTINGS, sample_rate=16_000, max_session_s=600.0
        ).capabilities
        assert (can.audio, can.max_session_s) == (AudioFormat(16_000), 600.0)
        assert connect(DidProvider, vendor, **SETTINGS).capabilities.max_session_s is None
