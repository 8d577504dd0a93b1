"""Starts and ends avatars at a vendor with faults, in virtual time.

    python -m tests.long.provisioning 200 [SUBJECT ...]

runs every fault with 200 seeds for every kind of vendor and for the vendor of every native
provider, or only for those of the command line, and prints the results. After each run, the reaper
ends what the run left behind.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from avatar_core.bases.websocket import WebSocketAvatarProvider
from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.reaper import reap
from avatar_core.testing.clock import run
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.faults import FAULTS
from avatar_core.testing.room.room import MemoryRoom
from tests.long.vendor_subjects import ABSENT_S, NATIVE, Subject, connect_subject

MAX_S = 45.0
"""Longest start of an avatar in these runs."""
LATE_S = 60.0
"""Seconds until the reaper starts; less than `ABSENT_S`, and more than the delay of any join."""
Plan = tuple[Subject, tuple[str, ...], int]
"""The vendor of a run, the names of its faults, and the seed."""


@dataclass(frozen=True)
class Result:
    """The result of one start and end.

    Attributes:
        retry: How a create request to the vendor can be repeated.
        ends: Whether a request can end a session at the vendor.
        knows_first: Whether the vendor shows the id of a session before the paid time begins, so
            that a session without a response can be ended before the next request.
        created: Sessions that the vendor created.
        peak_active: The most sessions that were active at once.
        end_reasons: Why each session ended.
        open_after_reap: Sessions that have not ended after the reaper.
        open: Sessions that have not ended after all timers.
        in_ledger: Entries of sessions that are in the ledger before the reaper.
        live: Whether an avatar was live at the end.
        error: The last error of the controller.
    """

    retry: SafeRetry
    ends: bool
    knows_first: bool
    created: int
    peak_active: int
    end_reasons: tuple[str, ...]
    open_after_reap: int
    open: int
    in_ledger: int
    live: bool
    error: AvatarError | None


async def start_and_end(
    subject: Subject, faults: tuple[str, ...], seed: int, folder: Path
) -> Result:
    """Start an avatar in a room in memory, and end it at a moment that depends on the seed.

    Args:
        subject: The vendor.
        faults: The names of the vendor's faults.
        seed: The seed.
        folder: The folder of the ledger.

    Returns:
        The result.
    """
    dice = random.Random(seed)
    random.seed(seed)  # for the jitter of tenacity
    room = MemoryRoom()
    connected = connect_subject(subject, room, dice)
    account, vendor = connected.account, connected.vendor
    for fault in faults:
        vendor.fail(fault)
    harness = FailoverHarness(room, connected.provider, ledger=folder)
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
    await asyncio.sleep(LATE_S)  # a worker that joins late leaves again, since its agent has left
    in_ledger = sum(bool(ledger_entry.session_id) for ledger_entry in Ledger(folder).read_all())
    await reap(harness.context.releaser.ledger, lambda _: connected.provider, partial(remove, room))
    await asyncio.sleep(1.0)
    open_after_reap = len(account.active)
    await asyncio.sleep(ABSENT_S)
    result = Result(
        retry=connected.provider.capabilities.safe_retry,
        ends=connected.provider.capabilities.ends_session,
        knows_first=isinstance(connected.provider, WebSocketAvatarProvider),
        created=len(account.sessions),
        peak_active=account.peak_active,
        end_reasons=tuple(session.end_reason for session in account.sessions),
        open_after_reap=open_after_reap,
        open=len(account.active),
        in_ledger=in_ledger,
        live=live,
        error=harness.controller.last_error,
    )
    await vendor.aclose()
    return result


async def remove(room: MemoryRoom, _: str, identity: str) -> bool:
    """Remove a participant from a room, for the reaper.

    Args:
        room: The room.
        _: The name of the room.
        identity: The identity of the participant.

    Returns:
        Whether the participant was in the room.
    """
    is_present = identity in room.members
    room.remove(identity)
    return is_present


def broken_laws(faults: tuple[str, ...], result: Result) -> list[str]:
    """Return the laws that a result breaks.

    Args:
        faults: The names of the vendor's faults.
        result: The result.

    Returns:
        A short text for each law.
    """
    doubled = "double delivery" in faults and result.retry is not SafeRetry.KEY
    lost = any(FAULTS[name].carried_out for name in faults)
    broken = []
    if result.open:
        broken.append(f"{result.open} open")
    if result.peak_active > 1 and not doubled:
        broken.append(f"{result.peak_active} active at once")
    if result.created > 1 and not (doubled or result.knows_first):
        broken.append(f"{result.created} created")
    if result.in_ledger and result.ends and result.retry is SafeRetry.LOOKUP:
        broken.append(f"{result.in_ledger} left in the ledger")
    never_joined = any(FAULTS[name].worker.never_joins for name in faults)
    only_vendor_ends = never_joined and (lost or not result.ends)
    if result.open_after_reap and not only_vendor_ends:
        broken.append(f"{result.open_after_reap} open after the reaper")
    if "its worker did not join" in result.end_reasons and not only_vendor_ends:
        broken.append("a session was left to the vendor's timers")
    return broken


def plans(seeds: int, subjects: Sequence[Subject] = tuple(SafeRetry), only: str = "") -> list[Plan]:
    """Return runs of every fault with every vendor; half of them have two faults.

    Args:
        seeds: The number of runs of each fault with each vendor.
        subjects: The vendors.
        only: The name of the only fault; empty for every fault.

    Returns:
        For each run: the vendor, the names of the faults, and the seed.
    """
    runs: list[Plan] = []
    for name in [only] if only else FAULTS:
        for subject in subjects:
            for seed in range(seeds):
                second = random.Random(seed).choice([*FAULTS])
                runs.append((subject, (name, second) if seed % 2 else (name,), seed))
    return runs


def main(seeds: int, names: Sequence[str]) -> int:
    """Run all plans, and print the results.

    Args:
        seeds: The number of runs of each fault with each vendor.
        names: The values of `SafeRetry` and the names of native providers; empty for all.

    Returns:
        The exit code: 1 if a law was broken, otherwise 0.
    """
    logging.disable(logging.CRITICAL)
    subjects: dict[str, Subject] = {kind.value: kind for kind in SafeRetry}
    subjects.update({name: name for name in NATIVE})
    broken = 0
    for name in names or subjects:
        count: Counter[str] = Counter()
        for subject, faults, seed in plans(seeds, [subjects[name]]):
            with tempfile.TemporaryDirectory() as folder:
                result = run(start_and_end(subject, faults, seed, Path(folder)))
            count["starts"] += 1
            count["live"] += result.live
            count["created"] += result.created
            for reason in result.end_reasons:
                count[f"ended: {reason}"] += 1
            for law in broken_laws(faults, result):
                count[f"BROKEN: {law}"] += 1
                print(f"{name}, {faults}, seed {seed}: {law}; {result}")
        print(name)
        for what, times in sorted(count.items()):
            print(f"{times:7d}  {what}")
            broken += what.startswith("BROKEN") and times
    print(f"{broken} broken laws")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
