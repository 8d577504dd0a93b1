"""Starts and ends avatars at a vendor with faults, in virtual time.

    python -m tests.long.provisioning 200

runs every fault with 200 seeds for every kind of vendor, and prints the results.
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
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.faults import FAULTS
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

ABSENT_S = 120.0
MAX_S = 45.0
"""Longest start of an avatar in these runs."""


@dataclass(frozen=True)
class Result:
    """The result of one start and end.

    Attributes:
        created: Sessions that the vendor created.
        peak_active: The most sessions that were active at once.
        end_reasons: Why each session ended.
        open: Sessions that have not ended after all timers.
        in_ledger: Entries of sessions that are left in the ledger.
        live: Whether an avatar was live at the end.
        error: The last error of the controller.
    """

    created: int
    peak_active: int
    end_reasons: tuple[str, ...]
    open: int
    in_ledger: int
    live: bool
    error: AvatarError | None


async def start_and_end(
    kind: SafeRetry, faults: tuple[str, ...], seed: int, folder: Path
) -> Result:
    """Start an avatar in a room in memory, and end it at a moment that depends on the seed.

    Args:
        kind: How the vendor makes a retry safe.
        faults: The names of the vendor's faults.
        seed: The seed.
        folder: The folder of the ledger.

    Returns:
        The result.
    """
    dice = random.Random(seed)
    random.seed(seed)  # for the jitter of tenacity
    room = MemoryRoom()
    account = VendorAccount(
        silent_workers(room), absent_timeout_s=ABSENT_S, join_s=dice.uniform(0.0, 4.0)
    )
    vendor = FakeVendor(account, create_s=dice.uniform(0.0, 1.5), idempotent=kind is SafeRetry.KEY)
    for fault in faults:
        vendor.fail(fault)
    harness = FailoverHarness(room, make_acme(kind, vendor.transport), ledger=folder)
    starting = asyncio.create_task(harness.controller.start())
    if dice.random() < 0.3:
        await asyncio.sleep(dice.uniform(0.0, 3.0))  # closed while it starts
    else:
        await starting
        lease = await harness.controller.wait_until_settled()
        await asyncio.sleep(dice.uniform(0.0, 10.0) if lease else MAX_S + 5.0)
    live = harness.controller.lease is not None
    await harness.close()
    await harness.agent.aclose()
    await asyncio.gather(starting, return_exceptions=True)
    await asyncio.sleep(ABSENT_S + 60.0)
    result = Result(
        created=len(account.sessions),
        peak_active=account.peak_active,
        end_reasons=tuple(session.end_reason for session in account.sessions),
        open=len(account.active),
        in_ledger=sum(bool(ledger_entry.session_id) for ledger_entry in Ledger(folder).read_all()),
        live=live,
        error=harness.controller.last_error,
    )
    await vendor.aclose()
    return result


def broken_laws(kind: SafeRetry, faults: tuple[str, ...], result: Result) -> list[str]:
    """Return the laws that a result breaks.

    Args:
        kind: How the vendor makes a retry safe.
        faults: The names of the vendor's faults.
        result: The result.

    Returns:
        A short text for each law.
    """
    doubled = "double delivery" in faults and kind is not SafeRetry.KEY
    lost = any(FAULTS[name].carried_out for name in faults)
    broken = []
    if result.open:
        broken.append(f"{result.open} open")
    if result.peak_active > 1 and not doubled:
        broken.append(f"{result.peak_active} active at once")
    if result.created > 1 and not doubled:
        broken.append(f"{result.created} created")
    if result.in_ledger and kind is SafeRetry.LOOKUP:
        broken.append(f"{result.in_ledger} left in the ledger")
    never_joined = any(FAULTS[name].worker.never_joins for name in faults) and lost
    if "its worker did not join" in result.end_reasons and not never_joined:
        broken.append("a session was left to the vendor's timers")
    return broken


def plans(seeds: int, only: str = "") -> list[tuple[SafeRetry, tuple[str, ...], int]]:
    """Return runs of every fault with every kind of vendor; half of them have two faults.

    Args:
        seeds: The number of runs of each fault with each kind of vendor.
        only: The name of the only fault; empty for every fault.

    Returns:
        For each run: the kind of vendor, the names of the faults, and the seed.
    """
    runs: list[tuple[SafeRetry, tuple[str, ...], int]] = []
    for name in [only] if only else FAULTS:
        for kind in SafeRetry:
            for seed in range(seeds):
                second = random.Random(seed).choice([*FAULTS])
                runs.append((kind, (name, second) if seed % 2 else (name,), seed))
    return runs


def main(seeds: int) -> int:
    """Run all plans, and print the results.

    Args:
        seeds: The number of runs of each fault with each kind of vendor.

    Returns:
        The exit code: 1 if a law was broken, otherwise 0.
    """
    logging.disable(logging.CRITICAL)
    count: Counter[str] = Counter()
    for kind, faults, seed in plans(seeds):
        with tempfile.TemporaryDirectory() as folder:
            result = run(start_and_end(kind, faults, seed, Path(folder)))
        count["starts"] += 1
        count["live"] += result.live
        count["created"] += result.created
        for reason in result.end_reasons:
            count[f"ended: {reason}"] += 1
        for law in broken_laws(kind, faults, result):
            count[f"BROKEN: {law}"] += 1
            print(f"{kind.value}, {faults}, seed {seed}: {law}; {result}")
    for what, times in sorted(count.items()):
        print(f"{times:7d}  {what}")
    return int(any(what.startswith("BROKEN") for what in count))


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
