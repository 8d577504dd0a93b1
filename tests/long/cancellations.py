"""A start and an end cancelled at every turn of the loop, one after another, not sampled.

    python -m tests.long.cancellations

prints how many points there were and what was left open after each: nothing.
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
from avatar_core.testing.clock import VirtualLoop
from avatar_core.testing.failover_harness import Scene
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

CASES = ("", "429", "reset after create", "timeout after create", "worker joins late")
HOWS = ("its caller is cancelled", "it is closed", "the closing is cancelled")
ABSENT_S = 120.0


class Stepper:
    """A virtual loop that does something at one of its turns.

    Attributes:
        turns: Since `arm`.
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
        """Count from now, and do it at turn `at`."""
        self.turns, self._at, self._act = 0, at, act

    def disarm(self) -> int:
        """Do it no more; the turns that went by."""
        self._act = None
        return self.turns


@dataclass(frozen=True)
class Point:
    """What came of one cancellation.

    Attributes:
        reached: The turn came before all was over.
        open: Sessions that the vendor still bills.
        ends: Why those it sold ended.
        written: Entries left in the ledger.
    """

    reached: bool
    open: int
    ends: tuple[str, ...]
    written: int


async def cancelled_at(
    stepper: Stepper, turn: int, how: str, kind: SafeRetry, fault: str, folder: Path
) -> Point:
    """One start and one end, of which one is cancelled at a turn."""
    random.seed(turn)
    room = MemoryRoom()
    account = VendorAccount(silent_workers(room), absent_timeout_s=ABSENT_S, join_s=0.3)
    vendor = FakeVendor(account, create_s=0.2, idempotent=kind is SafeRetry.KEY)
    if fault:
        vendor.fail(fault)
    scene = Scene(room, make_acme(kind, vendor.transport), ledger=folder)
    closings: list[asyncio.Task[Any]] = []

    def close() -> None:
        closings.append(asyncio.ensure_future(scene.close()))

    starting = asyncio.ensure_future(_start(scene))
    if how != "the closing is cancelled":
        stepper.arm(turn, starting.cancel if how == "its caller is cancelled" else close)
        await asyncio.wait((starting,))
        reached = turn <= stepper.disarm()
    else:
        await starting
        close()
        stepper.arm(turn, closings[0].cancel)
        await asyncio.wait(closings)
        reached = turn <= stepper.disarm()
    if how == "its caller is cancelled":
        await scene.controller.settled()
    close()
    await asyncio.gather(*closings, return_exceptions=True)
    await scene.agent.aclose()
    await asyncio.sleep(60.0)
    point = Point(
        reached,
        len(account.active),
        tuple(session.end_reason for session in account.sessions),
        sum(bool(entry.session_id) for entry in Ledger(folder).entries()),
    )
    await vendor.aclose()
    return point


async def _start(scene: Scene) -> None:
    await scene.controller.start()
    await scene.controller.settled()


def every_point(
    how: str, kind: SafeRetry, fault: str, folder: Path, *, stride: int = 1
) -> tuple[int, list[tuple[int, Point]]]:
    """All points of one kind of cancellation: how many, and those that left something open."""
    left, turn, points = [], 1, 0
    while True:
        stepper = Stepper()
        with asyncio.Runner(loop_factory=lambda: stepper.loop) as runner:  # noqa: B023
            work = cancelled_at(stepper, turn, how, kind, fault, folder / str(turn))
            point = runner.run(work)
        if not point.reached:
            return points, left
        points += 1
        if point.open or (point.written and kind is SafeRetry.LOOKUP):
            left.append((turn, point))
        turn += stride


def main() -> int:
    """Every point of every case; the exit code is 1 if something was left open."""
    logging.disable(logging.CRITICAL)
    points = broken = 0
    for how in HOWS:
        for kind in SafeRetry:
            for fault in CASES:
                with tempfile.TemporaryDirectory() as folder:
                    count, left = every_point(how, kind, fault, Path(folder))
                points, broken = points + count, broken + len(left)
                print(f"{how}, {kind.value}, {fault or 'no fault'}: {count} points")
                for turn, point in left:
                    print(f"  turn {turn}: {point}")
    print(f"{points} points, {broken} left something open")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main())
