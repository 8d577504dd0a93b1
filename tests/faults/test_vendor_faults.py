"""The error, code, outcome and hint of each vendor fault, in memory and over TCP."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionError,
    UnavailableError,
)
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.expected import CREATE_ERRORS, ExpectedError
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.faults import FAULTS
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.rest_harness import make_acme

DEADLINE_S = 0.6


async def launch_nothing(session: VendorSession, _: object) -> dict[str, str]:
    await asyncio.Event().wait()
    return {}


@asynccontextmanager
async def open_vendor() -> AsyncIterator[FakeVendor]:
    vendor = FakeVendor(VendorAccount(launch_nothing))
    try:
        yield vendor
    finally:
        await vendor.aclose()


def request() -> ProvisionRequest:
    async def no_worker(*_: object, **__: object) -> dict[str, object]:
        raise AssertionError

    return ProvisionRequest(
        key="room-1",
        livekit_url="wss://livekit.example",
        room_name="room",
        agent_identity="agent",
        identity="acme-avatar-1",
        deadline_s=DEADLINE_S,
        mint=lambda spec: "token of " + spec.identity,
        claim=lambda _: None,
        start_worker=no_worker,
    )


async def provision_error(vendor: FakeVendor, **options: object) -> ProvisionError:
    """Return the error of a create."""
    provider = make_acme(SafeRetry.KEY, **options)  # type: ignore[arg-type]
    with pytest.raises(ProvisionError) as caught:
        await provider.provision(request())
    return caught.value


def test_every_fault_of_a_create_request_has_an_expected_error() -> None:
    faults_of_create = {
        name
        for name, fault in FAULTS.items()
        if fault.on in ("create", "any") and (fault.status or fault.mode not in ("status", "twice"))
    }
    assert set(CREATE_ERRORS) == faults_of_create


@pytest.mark.parametrize("over", ["memory", "TCP"])
@pytest.mark.parametrize("name", CREATE_ERRORS)
async def test_vendor_fault_causes_the_expected_error(name: str, over: str) -> None:
    async with open_vendor() as vendor, serve_http(vendor) as address:
        vendor.fail(name)
        if over == "memory":
            error = await provision_error(vendor, transport=vendor.transport)
        elif name == "refused connection":
            error = await provision_error(vendor, api_url="http://127.0.0.1:9")
        else:
            error = await provision_error(vendor, api_url=address)
        expected = CREATE_ERRORS[name]
        assert ExpectedError(type(error), error.outcome, error.retryable) == expected, str(error)
        assert error.provider == "acme"
        assert error.hint
        assert error.code in str(error)
        assert len(vendor.account.sessions) == FAULTS[name].carried_out


@pytest.mark.parametrize(
    ("name", "min_s", "max_s"), [("429", 2, 2), ("429 until a date", 1, 2), ("503", 1, 1)]
)
async def test_error_contains_the_seconds_to_wait(name: str, min_s: float, max_s: float) -> None:
    async with open_vendor() as vendor:
        vendor.fail(name)
        error = await provision_error(vendor, transport=vendor.transport)
        assert error.retry_after_s is not None
        assert min_s <= error.retry_after_s <= max_s


async def test_request_is_not_sent_if_the_certificate_is_not_trusted() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with open_vendor() as vendor, serve_http(vendor, tls=tls) as address:
        error = await provision_error(vendor, api_url=address)
        assert type(error) is UnavailableError
        assert (error.outcome, error.retryable) == (Outcome.NOT_SENT, False)
        assert "certificate" in str(error)
        assert vendor.requests == []


async def test_idempotency_key_prevents_a_second_session() -> None:
    async with open_vendor() as vendor:
        for kind, count in ((SafeRetry.KEY, 1), (SafeRetry.NEVER, 3)):
            vendor.fail("double delivery")
            await make_acme(kind, vendor.transport).provision(request())
            assert len(vendor.account.sessions) == count


async def test_release_is_idempotent_and_accepts_an_unknown_session() -> None:
    async with open_vendor() as vendor:
        provider = make_acme(SafeRetry.KEY, vendor.transport)
        avatar = await provider.provision(request())
        await provider.release(avatar, "twice")
        await provider.release(avatar, "twice")
        await provider.release(ProvisionedAvatar(session_id="never/was", identity="x"), "unknown")
        assert [session.end_reason for session in vendor.account.sessions] == ["it was ended"]
        assert vendor.requests[-1] == ("POST", "/v1/sessions/never%2Fwas/end")


async def test_slots_and_credits_limit_sessions() -> None:
    async with open_vendor() as vendor:
        vendor.account.slots = 1
        provider = make_acme(SafeRetry.NEVER, vendor.transport)
        await provider.provision(request())
        assert isinstance(await provision_error(vendor, transport=vendor.transport), CapacityError)
    account = VendorAccount(launch_nothing, credits_s=0.0)
    vendor = FakeVendor(account)
    assert isinstance(await provision_error(vendor, transport=vendor.transport), PaymentError)
    assert isinstance(
        await provision_error(vendor, transport=vendor.transport, api_key="of-another"), AuthError
    )


async def test_fake_vendor_logs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with open_vendor() as vendor, serve_http(vendor) as address:
        for name in ("reset after create", "trickle", "huge body"):
            vendor.fail(name)
            await provision_error(vendor, api_url=address)
    assert not caplog.records
