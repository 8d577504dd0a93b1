"""Awaits a coroutine and cancels it at one of its awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class CancelAt(Generic[T]):
    """An awaitable that runs a coroutine, and cancels the current task at one of its awaits.

    Args:
        work: The coroutine.
        step: The number of the await at which the task is cancelled, from 1. Only awaits that
            suspend the task count.

    Attributes:
        steps: The number of awaits so far.
    """

    def __init__(self, work: Coroutine[Any, Any, T], step: int) -> None:
        self._work = work
        self._step = step
        self.steps = 0

    @property
    def was_cancelled(self) -> bool:
        """Whether the coroutine reached the await."""
        return self.steps >= self._step

    def __await__(self) -> Generator[Any, Any, T]:
        error: BaseException | None = None
        while True:
            try:
                waits_for = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration as done:
                result: T = done.value
                return result
            self.steps += 1
            task = asyncio.current_task()
            if self.steps == self._step and task is not None:
                task.cancel()
            error = None
            try:
                yield waits_for
            except BaseException as raised:
                error = raised


async def run(work: CancelAt[T]) -> T:
    """Await a `CancelAt`, so that a task can run it.

    Args:
        work: The awaitable.

    Returns:
        The result of its coroutine.

    Raises:
        BaseException: Any exception of the coroutine.
    """
    return await work
