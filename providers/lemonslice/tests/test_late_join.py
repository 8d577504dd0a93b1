"""A LemonSlice session that starts cold: the voice speaks first, and the session is terminated."""

from __future__ import annotations

import pytest
from avatar_provider_lemonslice import LemonSliceProvider
from avatar_provider_lemonslice.fake import TERMINATED, FakeLemonSlice

from avatar_core.contracts.events import AvatarJoined
from avatar_core.testing import MemoryRoom, Scenario, VendorAccount, VendorFault
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.rest_harness import silent_workers
from providers.lemonslice.tests.cases import SETTINGS
from tests.support.vendor_tests import connect

pytestmark = pytest.mark.virtual_time


async def test_session_that_joins_after_two_minutes_is_used_and_terminated() -> None:
    room = MemoryRoom()
    vendor = FakeLemonSlice(VendorAccount(silent_workers(room)))
    vendor.fail(VendorFault(worker=Scenario(join_delay_s=120.0)))
    harness = FailoverHarness(room, connect(LemonSliceProvider, vendor, **SETTINGS))
    await harness.controller.start()
    assert await harness.say(1.0) == (pytest.approx(1.0), False)  # the agent's voice, after 8 s
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    (joined,) = harness.events_of(AvatarJoined)
    assert joined.join_s == pytest.approx(120.0, abs=0.5)
    await harness.close()
    (session,) = vendor.account.sessions
    assert session.end_reason == TERMINATED
    await vendor.aclose()
