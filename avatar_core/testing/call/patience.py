"""Waits in a call that last as long as the call makes progress."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
LOOKS = 8
"""How often a wait looks at the progress of the call before it fails."""


class Patience:
    """Limits waits in a call, whose length depends on how much the agent says.

    Args:
        read_progress: Returns a value that changes as long as the call makes progress.
        quiet_s: Seconds without progress after which a wait fails.
        most_s: Seconds after which a wait fails in spite of progress, for an agent that speaks
            without an end.

    Attributes:
        quiet_s: Seconds without progress after which a wait fails.
    """

    def __init__(
        self, read_progress: Callable[[], object], *, quiet_s: float, most_s: float
    ) -> None:
        self._read_progress = read_progress
        self.quiet_s, self._most_s = quiet_s, most_s

    async def wait(self, work: Awaitable[object], what: str) -> None:
        """Wait for work of the agent.

        Args:
            work: Ends when the wait is over.
            what: A clause that says what did not happen, for the error.

        Raises:
            AssertionError: The work did not end in time.
            Exception: The work raised the exception.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._most_s
        progress = self._read_progress()
        timer: asyncio.TimerHandle

        def look() -> None:
            """Extend the limit if the call has made progress since the last look."""
            nonlocal progress, timer
            if (latest := self._read_progress()) != progress:
                progress = latest
                limit.reschedule(min(loop.time() + self.quiet_s, end_s))
            timer = loop.call_later(self.quiet_s / LOOKS, look)

        timer = loop.call_later(self.quiet_s / LOOKS, look)
        try:
            async with asyncio.timeout(min(self.quiet_s, self._most_s)) as limit:
                await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise AssertionError(f"{what} {self._describe(loop.time() >= end_s)}.") from None
        finally:
            timer.cancel()

    def _describe(self, in_spite_of_progress: bool) -> str:
        if in_spite_of_progress:
            return f"within {self._most_s:g} s, although the call continued"
        return f"within {self.quiet_s:g} s after the last word and the last event of the call"
