"""Runs random conversations with random faults in virtual time, and checks the promises.

python -m tests.long.random_walks STEPS [--seed N] [--resume STEP]

A step is one turn of the agent with one action or fault. `--resume` begins with the conversation
of a step that an earlier run with the same seed has printed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from avatar_core.testing.clock import run
from tests.matrix.promises import indent
from tests.matrix.walk import STEPS, Walk

REPORT_STEPS = 2000


async def run_walk(seed: int, number: int) -> tuple[str, int, list[str], str]:
    """Run one conversation.

    Args:
        seed: The seed of the whole run.
        number: The number of the conversation.

    Returns:
        The label of the kind of avatar, and the result of `Walk.run`.
    """
    walk = Walk(seed, number)
    step, faults, timeline = await walk.run()
    return walk.kind.label, step, faults, timeline


def main() -> None:
    """Run the steps; print each conversation that broke a promise, and exit with status 1."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("steps", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=int, default=0, metavar="STEP", help="the first step")
    parser.add_argument("--brief", action="store_true", help="print no timelines")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, failed, seed = time.perf_counter(), 0, arguments.seed
    first, last = arguments.resume // STEPS, -(-arguments.steps // STEPS)
    for number in range(first, last):
        kind, step, faults, timeline = run(run_walk(seed, number))
        if faults:
            failed += 1
            at = number * STEPS + step
            print(f"--seed {seed} --resume {at}: {kind}\n{indent(faults)}", flush=True)
            if not arguments.brief:
                print(timeline, flush=True)
        if (number + 1) * STEPS % REPORT_STEPS == 0:
            print(f"--seed {seed} --resume {(number + 1) * STEPS}, {failed} failed", flush=True)
    took_s = time.perf_counter() - began
    print(f"{(last - first) * STEPS} steps, {failed} conversations failed, {took_s:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
