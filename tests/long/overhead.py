"""What a start costs beyond its vendor's own create, over TCP, in real time.

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
from avatar_core.testing.failover_harness import Scene
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

ANSWER_S = 0.05
BETWEEN_S = 1.0
"""An application makes its avatar a moment before it starts it."""


class Timed(FakeVendor):
    """Notes how long it took over each call."""

    took_s = 0.0

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        began = time.perf_counter()
        try:
            return await super().serve(method, path, headers, body)
        finally:
            self.took_s = time.perf_counter() - began


async def overheads(times: int, folder: Path) -> list[float]:
    """Milliseconds of each start beyond its create."""
    found = []
    for number in range(times):
        room = MemoryRoom()
        vendor = Timed(VendorAccount(silent_workers(room)), create_s=ANSWER_S)
        async with serve_http(vendor) as address:
            provider = make_acme(SafeRetry.LOOKUP, api_url=address)
            scene = Scene(room, provider, ledger=folder / str(number))
            await asyncio.sleep(0.0 if number else BETWEEN_S)
            began = time.perf_counter()
            await scene.controller.start()
            took_s = time.perf_counter() - began
            found.append(1000 * (took_s - vendor.took_s))
            await scene.controller.settled()
            await scene.close()
        await vendor.aclose()
    return found


def main(times: int) -> None:
    """Print the first, the median and p95 of the others."""
    with tempfile.TemporaryDirectory() as folder:
        first, *others = asyncio.run(overheads(times, Path(folder)))
    p95 = statistics.quantiles(others, n=20)[-1]
    print(f"first {first:.1f} ms, then median {statistics.median(others):.1f}, p95 {p95:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]))
