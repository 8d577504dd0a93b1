"""A send_loop: one task that looks at facts, does the next thing, and can be interrupted in it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger("avatar_core.player")

SEND_DEADLINE_S = 5.0
"""A transport that does not take a begin, a chunk or an end within this is lost."""
CUT_DEADLINE_S = 0.4
"""A cut that nobody confirms counts as done after this."""


class SendLoop:
    """Runs a loop that waits for facts to change, and for work that a fact may interrupt.

    Args:
        run: The loop.
        name: Of its task.
    """

    def __init__(self, run: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._run = run
        self._name = name
        self._facts = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._inflight: asyncio.Task[Any] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def aclose(self) -> None:
        """End the loop, then wait for what runs beside it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*self._beside, return_exceptions=True)

    # From outside.

    def wake(self) -> None:
        """A fact has changed."""
        self._facts.set()

    def interrupt(self) -> None:
        """A fact has changed that leaves no time for the work under way."""
        if self._inflight is not None:
            self._inflight.cancel()
        self._facts.set()

    # In the loop.

    async def changed(self) -> None:
        """Wait until a fact has changed since this returned last."""
        await self._facts.wait()
        self._facts.clear()

    async def unless_interrupted(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do the work; None where it was interrupted, and the loop looks at the facts again."""
        task = self._inflight = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            send_loop = asyncio.current_task()
            if send_loop is not None and send_loop.cancelling():
                task.cancel()
                raise
            return None
        finally:
            self._inflight = None

    async def in_time(self, work: Coroutine[Any, Any, None]) -> None:
        """The same for work on a network.

        Raises:
            TimeoutError: It took longer than `SEND_DEADLINE_S`.
        """
        async with asyncio.timeout(SEND_DEADLINE_S):
            await self.unless_interrupted(work)

    def beside(self, work: Coroutine[Any, Any, Any]) -> None:
        """Best effort beside the conversation, bounded: nobody waits for a dead transport."""

        async def attempt() -> None:
            try:
                async with asyncio.timeout(CUT_DEADLINE_S):
                    await work
            except Exception as error:
                log.debug("A dead transport did not take a cut: %s", error)

        task = asyncio.create_task(attempt())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
