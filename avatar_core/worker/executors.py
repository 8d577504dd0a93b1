"""Executors, which run a renderer's methods in a thread, or on the event loop in virtual time."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """An object that runs the calls of one renderer one at a time, in the order of the calls."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Run a function and wait until it has returned.

        Args:
            work: The function, without parameters.

        Returns:
            The return value of `work`.

        Raises:
            Exception: Any exception that `work` raises.
        """

    def close(self) -> None:
        """Free the resources of the executor; no call may follow."""


class ThreadExecutor:
    """An executor that runs functions in a daemon thread of its own.

    The thread is a daemon, so that a renderer that hangs cannot keep the process alive.
    `AvatarWorker` creates this executor by default.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open = True
        threading.Thread(target=self._work, name="avatar-renderer", daemon=True).start()

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Run a function in the thread and wait until it has returned.

        Args:
            work: The function, without parameters.

        Returns:
            The return value of `work`.

        Raises:
            Exception: Any exception that `work` raises.
        """
        done: Future[T] = Future()

        def do() -> None:
            """Run `work` and store its result or exception, unless the caller was cancelled."""
            if done.set_running_or_notify_cancel():
                try:
                    done.set_result(work())
                except BaseException as error:
                    done.set_exception(error)

        self._jobs.put(do)
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """End the thread after the functions that were passed to it before."""
        self._jobs.put(lambda: setattr(self, "_open", False))

    def _work(self) -> None:
        while self._open:
            self._jobs.get()()


class InlineExecutor:
    """An executor that calls functions on the event loop, for virtual time (without threads)."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Call a function at once, while the event loop waits.

        Args:
            work: The function, without parameters.

        Returns:
            The return value of `work`.

        Raises:
            Exception: Any exception that `work` raises.
        """
        return work()

    def close(self) -> None:
        """Do nothing: this executor has no resources to free."""
