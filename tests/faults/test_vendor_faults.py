"""Each fault of a vendor has its own error, code, outcome and next step; over memory and TCP."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import trustme

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.faults import FAULTS
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.rest_harness import make_acme

DEADLINE_S = 0.6


class Told(NamedTuple):
    """What a fault becomes."""

    kind: type[ProvisionError]
    outcome: Outcome
    retryable: bool


REJECTED, UNKNOWN, NOT_SENT = Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT
TOLD = {
    "400": Told(RejectedError, REJECTED, False),
    "401": Told(AuthError, REJECTED, False),
    "402": Told(PaymentError, REJECTED, False),
    "403": Told(AuthError, REJECTED, False),
    "404": Told(RejectedError, REJECTED, False),
    "409": Told(RejectedError, REJECTED, False),
    "429": Told(CapacityError, REJECTED, True),
    "429 until a date": Told(CapacityError, REJECTED, True),
    "429 forever": Told(CapacityError, REJECTED, True),
    "500": Told(UnavailableError, UNKNOWN, True),
    "500 after create": Told(UnavailableError, UNKNOWN, True),
    "502": Told(UnavailableError, UNKNOWN, True),
    "503": Told(UnavailableError, REJECTED, True),
    "503 forever": Told(UnavailableError, UNKNOWN, True),
    "reset before create": Told(UnavailableError, UNKNOWN, True),
    "reset after create": Told(UnavailableError, UNKNOWN, True),
    "every response is lost": Told(UnavailableError, UNKNOWN, True),
    "timeout before create": Told(UnavailableError, UNKNOWN, True),
    "timeout after create": Told(UnavailableError, UNKNOWN, True),
    "trickle": Told(UnavailableError, UNKNOWN, True),
    "html": Told(ProtocolError, UNKNOWN, False),
    "empty 200": Told(ProtocolError, UNKNOWN, False),
    "huge body": Told(ProtocolError, UNKNOWN, False),
    "redirect": Told(ProtocolError, REJECTED, False),
    "refused connection": Told(UnavailableError, NOT_SENT, True),
}
"""The other faults concern the worker, or calls other than a create."""


async def nobody(session: VendorSession, _: object) -> dict[str, str]:
    await asyncio.Event().wait()
    return {}


@asynccontextmanager
async def shop() -> AsyncIterator[FakeVendor]:
    vendor = FakeVendor(VendorAccount(nobody))
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


async def told(vendor: FakeVendor, **where: object) -> ProvisionError:
    """The error of a create."""
    provider = make_acme(SafeRetry.KEY, **where)  # type: ignore[arg-type]
    with pytest.raises(ProvisionError) as caught:
        await provider.provision(request())
    return caught.value


def test_every_fault_of_a_create_is_told_of() -> None:
    of_a_create = {
        name
        for name, fault in FAULTS.items()
        if fault.on in ("create", "any") and (fault.status or fault.mode not in ("answer", "twice"))
    }
    assert set(TOLD) == of_a_create


@pytest.mark.parametrize("over", ["memory", "TCP"])
@pytest.mark.parametrize("name", TOLD)
async def test_a_fault_is_told_by_its_error(name: str, over: str) -> None:
    async with shop() as vendor, serve_http(vendor) as address:
        vendor.fail(name)
        if over == "memory":
            error = await told(vendor, transport=vendor.transport)
        elif name == "refused connection":
            error = await told(vendor, api_url="http://127.0.0.1:9")
        else:
            error = await told(vendor, api_url=address)
        wanted = TOLD[name]
        assert Told(type(error), error.outcome, error.retryable) == wanted, str(error)
        assert error.provider == "acme"
        assert error.hint
        assert error.code in str(error)
        bought = FAULTS[name].carried_out
        assert len(vendor.account.sessions) == bought


@pytest.mark.parametrize(
    ("name", "least_s", "most_s"), [("429", 2, 2), ("429 until a date", 1, 2), ("503", 1, 1)]
)
async def test_how_long_to_wait_is_told_too(name: str, least_s: float, most_s: float) -> None:
    async with shop() as vendor:
        vendor.fail(name)
        error = await told(vendor, transport=vendor.transport)
        assert error.retry_after_s is not None
        assert least_s <= error.retry_after_s <= most_s


async def test_a_certificate_that_nobody_trusts() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    async with shop() as vendor, serve_http(vendor, tls=tls) as address:
        error = await told(vendor, api_url=address)
        assert type(error) is UnavailableError
        assert (error.outcome, error.retryable) == (NOT_SENT, False)
        assert "certificate" in str(error)
        assert vendor.requests == []


async def test_a_double_delivery_is_bought_once_by_its_key() -> None:
    async with shop() as vendor:
        for kind, sold in ((SafeRetry.KEY, 1), (SafeRetry.NEVER, 3)):
            vendor.fail("double delivery")
            await make_acme(kind, vendor.transport).provision(request())
            assert len(vendor.account.sessions) == sold


async def test_an_end_is_idempotent_and_takes_what_is_gone_for_ended() -> None:
    async with shop() as vendor:
        provider = make_acme(SafeRetry.KEY, vendor.transport)
        avatar = await provider.provision(request())
        await provider.release(avatar, "twice")
        await provider.release(avatar, "twice")
        await provider.release(ProvisionedAvatar(session_id="never/was", identity="x"), "gone")
        assert [session.end_reason for session in vendor.account.sessions] == ["it was ended"]
        assert vendor.requests[-1] == ("POST", "/v1/sessions/never%2Fwas/end")


async def test_slots_and_credits_are_limits() -> None:
    async with shop() as vendor:
        vendor.account.slots = 1
        provider = make_acme(SafeRetry.NEVER, vendor.transport)
        await provider.provision(request())
        assert isinstance(await told(vendor, transport=vendor.transport), CapacityError)
    account = VendorAccount(nobody, credits_s=0.0)
    vendor = FakeVendor(account)
    assert isinstance(await told(vendor, transport=vendor.transport), PaymentError)
    assert isinstance(
        await told(vendor, transport=vendor.transport, api_key="of-another"), AuthError
    )


async def test_the_vendor_logs_no_error_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with shop() as vendor, serve_http(vendor) as address:
        for name in ("reset after create", "trickle", "huge body"):
            vendor.fail(name)
            await told(vendor, api_url=address)
    assert not caplog.records
