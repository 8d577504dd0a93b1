"""Runs a call of a sink or a tracker within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from avatar_core.contracts.errors import AvatarError
from avatar_core.testing.suites.check import CheckFailed

T = TypeVar("T")

MARGIN_S = 0.05
"""Seconds by which a call may exceed its limit, because the limit is its own deadline too."""
CLEAN_UP_S = 1.0
"""Seconds for which a check waits for a task that it cancelled."""


async def within(work: Coroutine[Any, Any, T], limit_s: float, what: str) -> T:
    """Run a call of the sink or the tracker, within a limit.

    Args:
        work: The call.
        limit_s: The limit in seconds.
        what: The name of the method.

    Returns:
        The result of the call.

    Raises:
        CheckFailed: The call did not return in time, or raised an error that is not an
            `AvatarError`.
        AvatarError: The call raised the error.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=limit_s + MARGIN_S)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task}, timeout=CLEAN_UP_S)
        raise
    if not task.done():
        task.cancel()
        raise CheckFailed(
            f"{what} did not return within {limit_s:g} s.",
            "Set a deadline for each wait for the network.",
        )
    try:
        return task.result()
    except (AvatarError, CheckFailed):
        raise
    except BaseException as error:
        raise CheckFailed(
            f"{what} raised {type(error).__name__}: {error}.",
            "Raise a subclass of AvatarError, for example AvatarLostError.",
        ) from error
