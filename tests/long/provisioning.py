"""One start and end of a provider at a vendor that fails, in virtual time; and many of them.

    python -m tests.long.provisioning 200

runs every fault with so many seeds at every kind of vendor and prints what came of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError
from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.clock import run
from avatar_core.testing.failover_harness import Scene
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.faults import FAULTS
from avatar_core.testing.rest_harness import chance, make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

ABSENT_S = 120.0
MOST_S = 45.0
"""A session of these runs is closed by then, unless its start is still under way."""


@dataclass(frozen=True)
class Result:
    """What came of a start.

    Attributes:
        sold: Sessions that the vendor sold.
        alive_at_once: Of them, at most.
        ends: Why each ended.
        open: Sold and not ended after all timers.
        written: Entries that are still in the ledger.
        live: An avatar was had.
        error: The last one told.
    """

    sold: int
    alive_at_once: int
    ends: tuple[str, ...]
    open: int
    written: int
    live: bool
    error: AvatarError | None


async def start_and_end(
    kind: SafeRetry, faults: tuple[str, ...], seed: int, folder: Path
) -> Result:
    """One conversation in a room in memory, ended at a moment that the seed decides."""
    dice = chance(seed)
    random.seed(seed)  # tenacity's jitter
    room = MemoryRoom()
    account = VendorAccount(
        silent_workers(room), absent_timeout_s=ABSENT_S, join_s=dice.uniform(0.0, 4.0)
    )
    vendor = FakeVendor(account, create_s=dice.uniform(0.0, 1.5), idempotent=kind is SafeRetry.KEY)
    for fault in faults:
        vendor.fail(fault)
    scene = Scene(room, make_acme(kind, vendor.transport), ledger=folder)
    starting = asyncio.create_task(scene.controller.start())
    if dice.random() < 0.3:
        await asyncio.sleep(dice.uniform(0.0, 3.0))  # closed in the middle of it
    else:
        await starting
        lease = await scene.controller.settled()
        await asyncio.sleep(dice.uniform(0.0, 10.0) if lease else MOST_S + 5.0)
    live = scene.controller.lease is not None
    await scene.close()
    await scene.agent.aclose()
    await asyncio.gather(starting, return_exceptions=True)
    await asyncio.sleep(ABSENT_S + 60.0)
    result = Result(
        sold=len(account.sessions),
        alive_at_once=account.peak_active,
        ends=tuple(session.end_reason for session in account.sessions),
        open=len(account.active),
        written=sum(bool(entry.session_id) for entry in Ledger(folder).entries()),
        live=live,
        error=scene.controller.last_error,
    )
    await vendor.aclose()
    return result


def broken_laws(kind: SafeRetry, faults: tuple[str, ...], result: Result) -> list[str]:
    """What must hold of every start."""
    doubled = "double delivery" in faults and kind is not SafeRetry.KEY
    lost = any(FAULTS[name].carried_out for name in faults)
    broken = []
    if result.open:
        broken.append(f"{result.open} open")
    if result.alive_at_once > 1 and not doubled:
        broken.append(f"{result.alive_at_once} alive at once")
    if result.sold > 1 and not doubled:
        broken.append(f"{result.sold} sold")
    if result.written and kind is SafeRetry.LOOKUP:
        broken.append(f"{result.written} left in the ledger")
    unseen = any(FAULTS[name].worker.never_joins for name in faults) and lost
    if "its worker did not join" in result.ends and not unseen:
        broken.append("one was left to the vendor's timers")
    return broken


def plans(seeds: int, only: str = "") -> list[tuple[SafeRetry, tuple[str, ...], int]]:
    """Every fault, or one, at every kind of vendor; half of them with a second fault."""
    made = []
    for name in [only] if only else FAULTS:
        for kind in SafeRetry:
            for seed in range(seeds):
                second = chance(seed).choice([*FAULTS])
                made.append((kind, (name, second) if seed % 2 else (name,), seed))
    return made


def main(seeds: int) -> int:
    """Run them all and print; the exit code is 1 if a law was broken."""
    logging.disable(logging.CRITICAL)
    count: Counter[str] = Counter()
    for kind, faults, seed in plans(seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = run(start_and_end(kind, faults, seed, Path(folder)))
        count["starts"] += 1
        count["live"] += result.live
        count["sold"] += result.sold
        for why in result.ends:
            count[f"ended: {why}"] += 1
        for law in broken_laws(kind, faults, result):
            count[f"BROKEN: {law}"] += 1
            print(f"{kind.value}, {faults}, seed {seed}: {law}; {result}")
    for what, times in sorted(count.items()):
        print(f"{times:7d}  {what}")
    return int(any(what.startswith("BROKEN") for what in count))


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
