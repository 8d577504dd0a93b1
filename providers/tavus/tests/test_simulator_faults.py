"""Faults of the simulator affect one request, all requests, or a share of the requests."""

from __future__ import annotations

import asyncio

import pytest

from providers.tavus.tests.api_client import requested, tavus


async def test_fault_can_be_selected_by_name_or_by_header() -> None:
    async with tavus(faults=("402",)) as (simulator, call):
        assert (await call("POST", "/conversations", requested()))[0] == 402
    async with tavus() as (simulator, call):
        reported = await call("POST", "/conversations", requested(), x_sim_fault="500 after create")
        assert reported[0] == 500
        assert len(simulator.account.active) == 1
        odd = '{"on": "end", "status": 418}'
        id = simulator.account.active[0].id
        assert (await call("POST", f"/conversations/{id}/end", x_sim_fault=odd))[0] == 418
        assert (await call("GET", "/conversations", x_sim_fault="no such"))[0] == 400
        assert (await call("GET", "/conversations"))[0] == 200


async def test_fault_in_a_header_affects_only_that_request() -> None:
    async with tavus(slots=9) as (_, call):
        assert (await call("POST", "/conversations", requested(), x_sim_fault="402"))[0] == 402
        status, made = await call("POST", "/conversations", requested())
        assert status == 200
        end = f"/conversations/{made['conversation_id']}/end"
        assert (await call("GET", "/conversations", x_sim_fault="end fails once"))[0] == 200
        assert (await call("POST", end))[0] == 200
        assert (await call("POST", end, x_sim_fault="end fails once"))[0] == 500


async def chaos(share: float, seed: int, calls: int) -> list[str]:
    row = []
    async with tavus(chaos=share, seed=seed, slots=2 * calls) as (_, call):
        for _ in range(calls):
            try:
                async with asyncio.timeout(0.2):
                    row.append(str((await call("POST", "/conversations", requested()))[0]))
            except (TimeoutError, ConnectionError, AssertionError, ValueError) as error:
                row.append(type(error).__name__)
    return row


@pytest.mark.virtual_time
async def test_chaos_fails_a_reproducible_share_of_the_requests() -> None:
    rows = [await chaos(0.2, seed, 300) for seed in (3, 3, 4)]
    assert rows[0] == rows[1] != rows[2]
    for row in rows:
        failed = [index for index, reported in enumerate(row) if reported != "200"]
        assert 0.1 < len(failed) / len(row) < 0.2  # some faults let the call pass
        assert failed[-1] > 250
        assert row[-50:].count("200") > 25
