"""The task that plays segments: it waits for changes of state, and its steps can be interrupted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("avatar_core.player")

SEND_DEADLINE_S = 5.0
"""A transport that does not accept a begin, a chunk or an end within this time is lost."""
CUT_DEADLINE_S = 0.4
"""A cut that is not confirmed counts as done after this time."""


class SendLoop:
    """A task that runs a loop, with methods that wake the loop and interrupt its current step.

    The player creates the send loop. The loop reads the player's state, performs the next step and
    waits with `wait_for_wake`. The player changes its state and then calls `wake`, or `interrupt`
    if the current step is no longer wanted.

    Args:
        run: The loop: a coroutine function that never returns.
        name: The name of the task.
    """

    def __init__(self, run: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._run = run
        self._name = name
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._interruptible: asyncio.Task[Any] | None = None
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the task that runs the loop.

        Raises:
            RuntimeError: No event loop is running.
        """
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def aclose(self) -> None:
        """Cancel the loop, then wait for the work that `run_in_background` started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._background, return_exceptions=True)

    # For the owner of the loop.

    def wake(self) -> None:
        """Make the loop read the player's state again after its current step."""
        self._wake.set()

    def interrupt(self) -> None:
        """Cancel the current step and make the loop read the player's state again."""
        if self._interruptible is not None:
            self._interruptible.cancel()
        self._wake.set()

    # For the loop itself.

    async def wait_for_wake(self) -> None:
        """Wait for a call of `wake` or `interrupt` since this method last returned."""
        await self._wake.wait()
        self._wake.clear()

    async def run_interruptible(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run one step that `interrupt` may cancel.

        Args:
            work: The coroutine of the step.

        Returns:
            The result of the step; None if the step was interrupted.

        Raises:
            Exception: Any exception of the step.
        """
        task = self._interruptible = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            send_loop = asyncio.current_task()
            if send_loop is not None and send_loop.cancelling():
                task.cancel()
                raise
            return None
        finally:
            self._interruptible = None

    async def run_with_deadline(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one step that uses a network, within a deadline; `interrupt` may cancel the step.

        Args:
            work: The coroutine of the step.

        Raises:
            TimeoutError: The step took longer than `SEND_DEADLINE_S`.
            Exception: Any other exception of the step.
        """
        async with asyncio.timeout(SEND_DEADLINE_S):
            await self.run_interruptible(work)

    def run_in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a cut in a task of its own, for at most `CUT_DEADLINE_S`; log its exceptions.

        Args:
            work: The coroutine that cuts a take on a transport that is lost or may be lost.
        """

        async def attempt() -> None:
            """Run the cut within the deadline; log its exceptions."""
            try:
                async with asyncio.timeout(CUT_DEADLINE_S):
                    await work
            except Exception as error:
                log.debug("A lost transport did not accept the command to stop its take: %s", error)

        task = asyncio.create_task(attempt())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(lambda _: work.close())  # if the task was cancelled before it ran
