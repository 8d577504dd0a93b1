"""Runs random orders of an application's calls in virtual time, and prints each that fails.

python -m tests.long.session_orders 5000

In every second order, the model of the agent is a speech-to-speech model.
"""

from __future__ import annotations

import logging
import random
import sys
import time

from avatar_core.testing.clock import run
from tests.support.session_orders import PROVIDERS, OrderHarness, Step

NAMES = (
    "session start start close say say say ask interrupt off on disable enable wait wait handoff"
)
WAITS_S = (0.0, 0.05, 0.4, 0.7, 1.3, 3.0)
MOST_STEPS = 14


def draw_steps(seed: int) -> list[Step]:
    """Return the steps of one order, the same ones for the same seed.

    Args:
        seed: The seed.

    Returns:
        The steps.
    """
    draw = random.Random(seed)
    arguments = {"start": range(len(PROVIDERS)), "close": range(3), "wait": WAITS_S}
    names = [*NAMES.split(), "reconnect"]
    chosen = [draw.choice(names) for _ in range(draw.randint(2, MOST_STEPS))]
    return [(name, float(draw.choice(arguments.get(name, (0,))))) for name in chosen]


def main() -> None:
    """Run as many orders as the first argument says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    logging.disable(logging.CRITICAL)
    began, failed = time.perf_counter(), 0
    for seed in range(count):
        steps = draw_steps(seed)

        async def one(steps: list[Step] = steps, is_realtime: bool = seed % 2 == 1) -> list[str]:
            """Run one order.

            Args:
                steps: The steps of the order.
                is_realtime: Whether a speech-to-speech model responds to the user.

            Returns:
                The faults as sentences.
            """
            return await OrderHarness(is_realtime=is_realtime).run(steps)

        if faults := run(one()):
            failed += 1
            print(f"seed {seed}: {steps}\n  {'; '.join(faults)}", flush=True)
    print(f"{count} orders, {failed} failed, {time.perf_counter() - began:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
