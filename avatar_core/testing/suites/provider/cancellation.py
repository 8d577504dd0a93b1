"""Checks of cancellation: at every await of `provision`, and at every await of a whole start.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from avatar_core.tasks import RELEASE_S, describe_error
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.provider.bench import Bench, open_bench
from avatar_core.testing.suites.provider.creation import start_with_core
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject
from avatar_core.testing.suites.steps import CancelAt, run

DELAY_S = 0.2
"""Seconds by which each response of the vendor is late, so that requests can be cancelled."""
MOST_STEPS = 60


@check("P24", Level.GOLD)
async def cancellation_ends_provision_at_every_await(suite: ProviderSubject) -> None:
    """A cancellation at any await of `provision` ends it with CancelledError within 1 s."""
    load_provider(suite)
    for step in itertools.count(1):
        async with open_bench(suite) as bench:
            if step == 1:
                await bench.provision(2)  # raises Blocked if `provision` does not work at all
            bench.delay_s = DELAY_S
            work = CancelAt(bench.provider.provision(bench.request()), step)
            task = asyncio.ensure_future(run(work))
            await _wait(task, work)
            if not work.was_cancelled or step > MOST_STEPS:
                return
            _check_cancelled(task, step)


async def _wait(task: asyncio.Task[Any], work: CancelAt[Any]) -> None:
    """Wait until a task has ended, or 1 s after its cancellation."""
    while not task.done() and not work.was_cancelled:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(DELAY_S / 10)
    await asyncio.wait((task,), timeout=1.0)
    if not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=1.0)
        raise CheckFailed(
            f"provision continued after a cancellation at its await number {work.steps}.",
            "Let CancelledError pass, and do not wait in `finally`.",
        )


def _check_cancelled(task: asyncio.Task[Any], step: int) -> None:
    if task.cancelled():
        return
    error = task.exception()
    what = f"raised {describe_error(error)}" if error else "returned a record"
    raise CheckFailed(
        f"After a cancellation at its await number {step}, provision {what}.",
        "Catch ProvisionError instead of BaseException, and let CancelledError pass.",
    )


@check("P25", Level.GOLD)
async def cancelled_start_leaves_no_session(suite: ProviderSubject) -> None:
    """If a start is cancelled at any of its awaits, avatar-core ends every session."""
    load_provider(suite)
    for step in itertools.count(1):
        async with open_bench(suite) as bench:
            if step == 1:
                await bench.provision(2)
                if not bench.provider.capabilities.ends_session:
                    raise NotApplicable("release of the provider does not end the session")
                continue
            bench.delay_s = DELAY_S
            work = CancelAt(start_with_core(bench), step - 1)
            task = asyncio.ensure_future(run(work))
            await asyncio.wait((task,))
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
            if not work.was_cancelled or step > MOST_STEPS:
                return
            await asyncio.sleep(2 * RELEASE_S)
            if active := _active(bench):
                raise CheckFailed(
                    f"After a cancellation at await number {step - 1} of a start, {len(active)} "
                    "session stays open.",
                    "Claim the session directly after the response, and end it in `release`.",
                )


def _active(bench: Bench) -> list[str]:
    if bench.vendor is None:
        return sorted(bench.sessions_in_room())
    return [session.id for session in bench.account.active]


CHECKS = (cancellation_ends_provision_at_every_await, cancelled_start_leaves_no_session)
