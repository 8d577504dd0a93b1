"""Measures the time of a start beyond the vendor's own create, over TCP, in real time.

python -m tests.long.overhead 40
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.http.memory import FakeResponse
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

CREATE_S = 0.05
SETUP_S = 1.0
"""Seconds between the creation and the start of the first avatar, as in an application."""


class TimedVendor(FakeVendor):
    """Measures the duration of its last call, in seconds."""

    took_s = 0.0

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        began = time.perf_counter()
        try:
            return await super().serve(method, path, headers, body)
        finally:
            self.took_s = time.perf_counter() - began


async def measure_overheads(times: int, folder: Path) -> list[float]:
    """Measure how much longer each start takes than its create request.

    Args:
        times: The number of starts.
        folder: The folder of the ledgers.

    Returns:
        One value in milliseconds for each start.
    """
    overheads_ms = []
    for number in range(times):
        room = MemoryRoom()
        vendor = TimedVendor(VendorAccount(silent_workers(room)), create_s=CREATE_S)
        async with serve_http(vendor) as address:
            provider = make_acme(SafeRetry.LOOKUP, api_url=address)
            harness = FailoverHarness(room, provider, ledger=folder / str(number))
            await asyncio.sleep(0.0 if number else SETUP_S)
            began = time.perf_counter()
            await harness.controller.start()
            took_s = time.perf_counter() - began
            overheads_ms.append(1000 * (took_s - vendor.took_s))
            await harness.controller.wait_until_settled()
            await harness.close()
        await vendor.aclose()
    return overheads_ms


def main(times: int) -> None:
    """Print the first overhead, and the median and the 95th percentile of the others.

    Args:
        times: The number of starts, at least 3.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, *others = asyncio.run(measure_overheads(times, Path(folder)))
    p95 = statistics.quantiles(others, n=20)[-1]
    print(f"first {first:.1f} ms, then median {statistics.median(others):.1f}, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]))
