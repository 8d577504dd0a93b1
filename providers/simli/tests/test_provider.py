"""SimliProvider with a Simli in memory: errors, release and probe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from avatar_provider_simli import SimliProvider
from avatar_provider_simli.fake import FakeSimli

from avatar_core import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    RejectedError,
    SafeRetry,
    UnavailableError,
)
from avatar_core.testing import VendorFault
from avatar_core.testing.stock_plugin import make_request
from providers.simli.tests.cases import SETTINGS
from tests.support.vendor_tests import connect, open_vendor


@pytest.mark.parametrize(
    ("settings", "account", "kind", "said"),
    [
        ({"api_key": "of-another"}, {}, AuthError, "Invalid API key"),
        ({}, {"credits_s": 0.0}, PaymentError, "No minutes left"),
        ({}, {"slots": 0}, CapacityError, "Too many concurrent sessions"),
        ({"face_id": "none"}, {}, RejectedError, "INVALID_FACE_ID"),
    ],
)
async def test_refused_create_raises_the_error_of_its_status(
    settings: dict[str, Any], account: dict[str, Any], kind: type[ProvisionError], said: str
) -> None:
    async with open_vendor(FakeSimli, **account) as vendor:
        provider = connect(SimliProvider, vendor, **{**SETTINGS, **settings})
        with pytest.raises(kind, match=said) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.REJECTED
        assert not vendor.account.sessions


async def test_release_sends_nothing_because_no_call_ends_a_session() -> None:
    async with open_vendor(FakeSimli) as vendor:
        provider = connect(SimliProvider, vendor, **SETTINGS)
        avatar = await provider.provision(make_request())
        sent = len(vendor.requests)
        await provider.release(avatar, "over")
        assert len(vendor.requests) == sent
        assert not provider.capabilities.ends_session
        assert provider.capabilities.safe_retry is SafeRetry.NEVER


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (VendorFault(mode="reset", carried_out=True), UnavailableError),
        (VendorFault(status=500), UnavailableError),
        (VendorFault(mode="html"), ProtocolError),
    ],
)
async def test_fault_of_the_session_token_proves_that_no_session_exists(
    fault: VendorFault, kind: type[ProvisionError]
) -> None:
    async with open_vendor(FakeSimli) as vendor:
        vendor.fail(replace(fault, on="token"))
        provider = connect(SimliProvider, vendor, **SETTINGS)
        with pytest.raises(kind) as caught:
            await provider.provision(make_request())
        assert caught.value.outcome is Outcome.NOT_SENT
        assert vendor.requests == [("POST", "/compose/token")]


async def test_each_session_has_its_own_session_token() -> None:
    async with open_vendor(FakeSimli) as vendor:
        provider = connect(SimliProvider, vendor, **SETTINGS)
        for _ in range(2):
            await provider.provision(make_request())
        tokens = [sent.body["session_token"] for sent in vendor.recorded[1::2]]
        assert len({*tokens}) == 2


async def test_probe_checks_the_key_and_the_face() -> None:
    async with open_vendor(FakeSimli) as vendor:
        await connect(SimliProvider, vendor, **SETTINGS).probe()
        with pytest.raises(AuthError, match="Invalid API key"):
            await connect(SimliProvider, vendor, **{**SETTINGS, "api_key": "wrong"}).probe()
        with pytest.raises(RejectedError, match="INVALID_FACE_ID"):
            await connect(SimliProvider, vendor, **{**SETTINGS, "face_id": "none"}).probe()
        assert not vendor.account.sessions


async def test_session_limit_is_the_setting() -> None:
    async with open_vendor(FakeSimli) as vendor:
        limited = connect(SimliProvider, vendor, **SETTINGS, max_session_length=600)
        assert limited.capabilities.max_session_s == 600.0
        avatar = await limited.provision(make_request())
        assert vendor.account.find(avatar.session_id).max_session_s == 600
