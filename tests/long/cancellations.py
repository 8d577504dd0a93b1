"""Cancels a start or an end at every turn of the event loop, one turn per run.

    python -m tests.long.cancellations

prints the number of turns, and the sessions that a cancellation left open.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.virtual_loop import VirtualLoop

CASES = ("", "429", "reset after create", "timeout after create", "worker joins late")
KINDS = ("its caller is cancelled", "it is closed", "the closing is cancelled")
ABSENT_S = 120.0


class Stepper:
    """A virtual event loop that calls a function at one of its turns.

    Attributes:
        loop: The event loop.
        turns: Number of turns since `arm`.
    """

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.turns = 0
        self._at = 0
        self._act: Callable[[], object] | None = None
        run_once: Callable[[], None] = self.loop._run_once  # type: ignore[attr-defined]

        def turn() -> None:
            self.turns += 1
            if self._act is not None and self.turns == self._at:
                self.loop.call_soon(self._act)
            run_once()

        self.loop._run_once = turn  # type: ignore[attr-defined]

    def arm(self, at: int, act: Callable[[], object]) -> None:
        """Count turns from now, and call `act` at turn `at`.

        Args:
            at: The number of the turn, from 1.
            act: The function to call.
        """
        self.turns, self._at, self._act = 0, at, act

    def disarm(self) -> int:
        """Call nothing from now on.

        Returns:
            The number of turns since `arm`.
        """
        self._act = None
        return self.turns


@dataclass(frozen=True)
class Result:
    """The result of one cancellation.

    Attributes:
        reached: Whether the turn came before the operation had ended.
        open: Sessions that the vendor still bills.
        end_reasons: Why the sessions ended.
        in_ledger: Entries of sessions that are left in the ledger.
    """

    reached: bool
    open: int
    end_reasons: tuple[str, ...]
    in_ledger: int


async def cancel_at(
    stepper: Stepper, turn: int, kind: str, safe_retry: SafeRetry, fault: str, folder: Path
) -> Result:
    """Start and end an avatar, and cancel one of the two at a turn.

    Args:
        stepper: Counts the turns of the event loop.
        turn: The turn at which the operation is cancelled.
        kind: The operation that is cancelled.
        safe_retry: How the vendor makes a retry safe.
        fault: A fault of the vendor; empty for none.
        folder: The folder of the ledger.

    Returns:
        The result.
    """
    random.seed(turn)
    room = MemoryRoom()
    account = VendorAccount(silent_workers(room), absent_timeout_s=ABSENT_S, join_s=0.3)
    vendor = FakeVendor(account, create_s=0.2, idempotent=safe_retry is SafeRetry.KEY)
    if fault:
        vendor.fail(fault)
    harness = FailoverHarness(room, make_acme(safe_retry, vendor.transport), ledger=folder)
    closings: list[asyncio.Task[Any]] = []

    def close() -> None:
        closings.append(asyncio.ensure_future(harness.close()))

    starting = asyncio.ensure_future(_start(harness))
    if kind != "the closing is cancelled":
        stepper.arm(turn, starting.cancel if kind == "its caller is cancelled" else close)
        await asyncio.wait((starting,))
        reached = turn <= stepper.disarm()
    else:
        await starting
        close()
        stepper.arm(turn, closings[0].cancel)
        await asyncio.wait(closings)
        reached = turn <= stepper.disarm()
    if kind == "its caller is cancelled":
        await harness.controller.wait_until_settled()
    close()
    await asyncio.gather(*closings, return_exceptions=True)
    await harness.agent.aclose()
    await asyncio.sleep(60.0)
    result = Result(
        reached,
        len(account.active),
        tuple(session.end_reason for session in account.sessions),
        sum(bool(ledger_entry.session_id) for ledger_entry in Ledger(folder).read_all()),
    )
    await vendor.aclose()
    return result


async def _start(harness: FailoverHarness) -> None:
    await harness.controller.start()
    await harness.controller.wait_until_settled()


def cancel_at_every_turn(
    kind: str, safe_retry: SafeRetry, fault: str, folder: Path, *, stride: int = 1
) -> tuple[int, list[tuple[int, Result]]]:
    """Cancel at each turn, one run per turn.

    Args:
        kind: The kind of cancellation, one of `KINDS`.
        safe_retry: How the vendor's create can be repeated.
        fault: Name of a vendor fault, or empty.
        folder: Folder for the ledgers.
        stride: Turns from one run to the next.

    Returns:
        The number of runs, and the turns and results of those that left a session open.
    """
    leaks, turn, count = [], 1, 0
    while True:
        stepper = Stepper()
        with asyncio.Runner(loop_factory=lambda: stepper.loop) as runner:  # noqa: B023
            work = cancel_at(stepper, turn, kind, safe_retry, fault, folder / str(turn))
            result = runner.run(work)
        if not result.reached:
            return count, leaks
        count += 1
        if result.open or (result.in_ledger and safe_retry is SafeRetry.LOOKUP):
            leaks.append((turn, result))
        turn += stride


def main() -> int:
    """Run every case.

    Returns:
        The exit code: 1 if a session was left open, otherwise 0.
    """
    logging.disable(logging.CRITICAL)
    total = total_leaks = 0
    for kind in KINDS:
        for safe_retry in SafeRetry:
            for fault in CASES:
                with tempfile.TemporaryDirectory() as folder:
                    count, leaks = cancel_at_every_turn(kind, safe_retry, fault, Path(folder))
                total, total_leaks = total + count, total_leaks + len(leaks)
                print(f"{kind}, {safe_retry.value}, {fault or 'no fault'}: {count} turns")
                for turn, result in leaks:
                    print(f"  turn {turn}: {result}")
    print(f"{total} turns, {total_leaks} left a session open")
    return int(total_leaks > 0)


if __name__ == "__main__":
    raise SystemExit(main())
