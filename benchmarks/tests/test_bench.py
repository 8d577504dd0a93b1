"""A short benchmark with a real server measures avatar-core and livekit-agents differently."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.server import DevServer
from benchmarks.bench.run import Plan, run
from benchmarks.bench.systems import select_systems

pytestmark = [pytest.mark.livekit, pytest.mark.benchmark]
SHORT = Plan(
    rounds=1, turns=2, faults=0, stock_faults=0, loaded_clears=1, long_pause=False, cpu=False
)


async def test_short_run_measures_avatar_core_and_livekit_agents(server: DevServer) -> None:
    steps: list[str] = []
    async with asyncio.timeout(110):
        systems = select_systems(server, "", ["stock", "ours"])
        results = await run(systems, SHORT, steps.append)
    stock, ours = results["stock"].summary(), results["ours"].summary()
    assert steps == ["round 1 of 1: stock", "round 1 of 1: ours"]
    for row in ("heard_ms", "stop_ms", "finish_lag_ms", "position_error_ms", "release_ms"):
        assert (ours[row]["n"], ours[row].get("never")) == (2, None), row
    assert ours["skew_ms"]["n"] >= 10
    # These rows do not depend on the load of the machine.
    assert ours["bystander_bytes"]["max"] == 0
    assert stock["bystander_bytes"]["min"] > 1_000_000, "no stray bytes were measured"
    assert ours["skew_ms"]["median"] < stock["skew_ms"]["median"]
    assert abs(ours["position_error_ms"]["median"]) < 150
