"""The end of a plugin's session object, with the tasks that it started."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

log = logging.getLogger("avatar_core")

TASKS_S = 1.0
"""Seconds in which the tasks of a plugin may end after its `aclose`: LiveAvatar's plugin ends the
paid session in such a task."""


async def close_stock(stock: Any) -> None:
    """Close a plugin's session object, and wait for the tasks among its attributes.

    Args:
        stock: The plugin's `AvatarSession`.

    Raises:
        Exception: `aclose` of the plugin raised the exception.
    """
    try:
        await stock.aclose()
    finally:
        await _end_tasks(stock)


async def _end_tasks(stock: Any) -> None:
    tasks = {value for value in vars(stock).values() if isinstance(value, asyncio.Task)}
    if tasks:
        await asyncio.wait(tasks, timeout=TASKS_S)
    for task in tasks:
        if not task.done():
            task.cancel()
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.debug("A task of the plugin ended with %s.", type(error).__name__)
