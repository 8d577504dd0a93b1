"""Many sessions at once, begun and ended while workers are killed at random.

    .venv/bin/python -m providers.local.tests.load 200

prints what became of them; the exit code is 0 if nothing was left running.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass

import psutil

from avatar_core.testing.server import DevServer
from providers.local.tests import server_harness as harness
from providers.local.tests.server_harness import Desk, desk, flash, invitation, workers

LIMIT = 6
CALLERS = 9
LONGEST_S = 1.0
KILL_EVERY_S = 0.8
AGAIN_S = 0.2
OVER_S = 10.0


@dataclass
class Figures:
    """Counts of how the sessions ended.

    Attributes:
        reported: How often each end was seen: `ended` by its caller, `killed` while it ran,
            `died` as it began, `abandoned` by its caller before it ran, `full`.
        kills: Workers that were sent SIGKILL.
        most: Sessions alive at once.
        left: Workers that were still there at the end.
        took_s: In all.
    """

    reported: Counter[str]
    kills: int = 0
    most: int = 0
    left: int = 0
    took_s: float = 0.0

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.reported.items()))
        return (
            f"{counts}; {self.kills} kills, at most {self.most} at once, "
            f"{self.left} workers left, {self.took_s:.0f} s"
        )


async def load(server: DevServer, count: int, seed: int = 0) -> Figures:
    """Begin and end sessions until so many have been created."""
    figures, chance, began = Figures(Counter()), random.Random(seed), time.monotonic()
    async with desk(flash, LIMIT) as local:
        killing = asyncio.create_task(_kill(figures, random.Random(seed + 1)))
        orders = iter(range(count))
        await asyncio.gather(
            *(_caller(local, server, orders, figures, chance) for _ in range(min(CALLERS, count)))
        )
        killing.cancel()
        async with asyncio.timeout(OVER_S):
            await local.all_ended()
        figures.left = len(workers())  # before the server's own end could end them
    figures.took_s = time.monotonic() - began
    return figures


async def _caller(
    local: Desk, server: DevServer, orders: object, figures: Figures, chance: random.Random
) -> None:
    for _ in orders:  # type: ignore[attr-defined]
        what = "full"
        while what == "full":
            what = await _session(local, server, figures, chance)
            figures.reported[what] += 1
            if what == "full":
                await asyncio.sleep(AGAIN_S)


async def _session(local: Desk, server: DevServer, figures: Figures, chance: random.Random) -> str:
    """One session from its begin to its end."""
    creating = asyncio.create_task(local.create(invitation(server)))
    if chance.random() < 0.15:
        done, _ = await asyncio.wait([creating], timeout=chance.uniform(0, LONGEST_S / 2))
        if not done:
            creating.cancel()
            return "abandoned"
    created = await creating
    figures.most = max(figures.most, local.sessions.alive)
    if created.status == 429:
        return "full"
    if created.status == 424:
        return "died"
    assert created.status == 201, created
    path = f"/v1/sessions/{created.json['id']}"
    known = await local.call("GET", f"{path}?wait={chance.uniform(0.01, LONGEST_S):.2f}")
    if known.json["state"] == "ended":
        assert known.json["reason"] == "its worker exited", known
        return "killed"
    assert (await local.call("DELETE", path)).status == 204
    return "ended"


async def _kill(figures: Figures, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * KILL_EVERY_S))
        if running := workers():
            try:
                chance.choice(running).kill()
                figures.kills += 1
            except psutil.NoSuchProcess:
                continue


async def main(count: int) -> int:
    """Print the figures."""
    harness.TEST_S = 3600.0
    async with DevServer.from_environment() as server:
        figures = await load(server, count)
    print(figures)
    return 1 if figures.left else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)))
