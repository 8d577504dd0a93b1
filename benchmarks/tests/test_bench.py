"""The bench on a real server: a short run of what matters, and that it can tell good from bad."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.server import DevServer
from benchmarks.bench.run import Plan, run
from benchmarks.bench.systems import systems_of

pytestmark = [pytest.mark.livekit, pytest.mark.benchmark]
SHORT = Plan(rounds=1, turns=2, falls=0, stock_falls=0, loaded=1, long_pause=False, cpu=False)


async def test_a_short_run_beside_the_stock_stack(server: DevServer) -> None:
    told: list[str] = []
    async with asyncio.timeout(110):
        systems = systems_of(server, "", ["stock", "ours"])
        results = await run(systems, SHORT, told.append)
    stock, ours = results["stock"].summary(), results["ours"].summary()
    assert told == ["round 1 of 1: stock", "round 1 of 1: ours"]
    for row in ("heard_ms", "stop_ms", "finish_lag_ms", "position_error_ms", "release_ms"):
        assert (ours[row]["n"], ours[row].get("never")) == (2, None), row
    assert ours["skew_ms"]["n"] >= 10
    # What does not depend on how busy this machine is:
    assert ours["bystander_bytes"]["max"] == 0
    assert stock["bystander_bytes"]["min"] > 1_000_000, "or it measures nothing"
    assert ours["skew_ms"]["median"] < stock["skew_ms"]["median"]
    assert abs(ours["position_error_ms"]["median"]) < 150
