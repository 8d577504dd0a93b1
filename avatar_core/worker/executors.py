"""Where a renderer's work runs: on a thread of its own, or on the loop under virtual time."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """Does work for the loop, one thing after another, in the order it is asked."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Do it and return its result, or raise its error."""

    def close(self) -> None:
        """No more is asked."""


class ThreadExecutor:
    """Runs work on a daemon thread, so that a hung renderer cannot keep the process alive."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open = True
        threading.Thread(target=self._work, name="avatar-renderer", daemon=True).start()

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Do it in the thread."""
        done: Future[T] = Future()

        def do() -> None:
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(work())
                except BaseException as error:
                    done.set_exception(error)

        self._jobs.put(do)
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """End the thread once it has done what was asked."""
        self._jobs.put(lambda: setattr(self, "_open", False))

    def _work(self) -> None:
        while self._open:
            self._jobs.get()()


class InlineExecutor:
    """Runs work on the loop itself, for virtual time, where threads do not work."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Do it now."""
        return work()

    def close(self) -> None:
        """Nothing is held."""
