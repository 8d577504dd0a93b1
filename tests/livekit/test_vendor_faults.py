"""An agent whose vendor's worker fails is heard without a gap in its words."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import pytest
from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.vendor_fault_run import FAULT_S, Measurement, VendorCase, VendorFaultRun

pytestmark = pytest.mark.livekit

MOST_SILENCE_S = 2.0
"""The median is 1.0 s on an idle machine."""
MOST_STOP_S = 1.0
TEST_S = 60.0

SILENT = VendorCase("plays silence", f"by_speech=1,silent_at_s={FAULT_S}")
STALLED = VendorCase("stalls", f"by_speech=1,playout_stall_at_s={FAULT_S}")
MUTED = VendorCase("muted by the server", action="mute")
LATE = VendorCase("3 s behind", "playout_delay_s=3,reports_early=1", is_alive=True)
INTERRUPTED = VendorCase(
    "3 s behind, interrupted",
    "playout_delay_s=3,reports_early=1",
    action="interrupt",
    is_alive=True,
)


@pytest.fixture(autouse=True)
def _simulator_owns_its_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(LiveConversation, "owns_children", False)
    return


async def measure(server: DevServer, case: VendorCase) -> Measurement:
    """Hold a conversation with a simulated vendor whose worker has a fault."""
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    async with asyncio.timeout(TEST_S), serving(simulator, say=lambda _: None) as address:
        settings = TavusSettings(api_url=address, api_key=SecretStr(KEY))
        return await VendorFaultRun(server, simulator, settings, case, reports=True).measure()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(SILENT, id="silent", marks=pytest.mark.slow),
        pytest.param(STALLED, id="stalled", marks=pytest.mark.slow),
        pytest.param(MUTED, id="muted"),
    ],
)
async def test_voice_replaces_a_vendor_that_nobody_hears(
    server: DevServer, case: VendorCase
) -> None:
    result = await measure(server, case)
    assert result.lost == 0, result
    assert result.twice <= 2, result
    assert result.ahead == 0, result
    assert result.silence_s < MOST_SILENCE_S, result


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(INTERRUPTED, id="interrupted", marks=pytest.mark.slow),
        pytest.param(LATE, id="not interrupted", marks=pytest.mark.slow),
    ],
)
async def test_late_vendor_is_kept_and_its_history_is_late_too(
    server: DevServer, case: VendorCase
) -> None:
    result = await measure(server, case)
    assert result.event_s == math.inf, result
    assert result.lost == 0, result
    assert result.ahead == 0, result
    assert result.stop_s < MOST_STOP_S, result
