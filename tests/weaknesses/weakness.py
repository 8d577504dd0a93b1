"""Records of the weaknesses of livekit-agents' avatar classes, and the tests that show them.

Each scenario module creates one `Weakness` for each number, and decorates its tests with it. The
script `tools/weaknesses.py` writes `docs/weaknesses.md` from the records.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[2]
FOREVER_S = 600.0
"""Seconds of virtual time after which a scenario concludes that an operation never ends."""
LIMIT_S = 10 * FOREVER_S
"""Seconds of virtual time after which a test of a stock class fails."""
FAILURES = (Exception, pytest.fail.Exception)
Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True)
class Weakness:
    """One weakness of the stock classes, with the behaviour of both libraries.

    Attributes:
        number: The number, for example `W4b`.
        severity: A: hang, mute or cross-talk in production. B: wrong data or slow recovery. C:
            leak, missing feature or robustness.
        sentence: The weakness as one sentence.
        stock: The behaviour of livekit-agents that the tests observe.
        ours: The behaviour of avatar-core that the tests observe.
        shown_in: Ids of the tests that show the weakness in the stock classes.
        avoided_in: Ids of the tests that show the behaviour of avatar-core.
        untested: Why no test observes one of the two behaviours; empty if tests observe both.
    """

    number: str
    severity: str
    sentence: str
    stock: str
    ours: str
    shown_in: list[str] = field(default_factory=list)
    avoided_in: list[str] = field(default_factory=list)
    untested: str = ""

    def shown_by(self, test: Test) -> Test:
        """Register a test that shows the weakness in the installed livekit-agents.

        The test passes as long as the stock classes have the weakness. If the test fails, the error
        says that livekit-agents may have fixed the weakness.

        Args:
            test: A test function or coroutine function.

        Returns:
            The test with the note for its errors.
        """
        self.shown_in.append(_id_of(test))
        note = (
            f"livekit-agents may have fixed {self.number}: {self.sentence} If so, remove the "
            "weakness from tests/weaknesses and run tools/weaknesses.py."
        )

        @contextmanager
        def noted() -> Iterator[None]:
            """Add the note to an error of the block.

            Raises:
                Exception: The test failed.
            """
            try:
                yield
            except FAILURES as error:
                error.add_note(note)
                raise

        @functools.wraps(test)
        async def run_async(*args: Any, **kwargs: Any) -> None:
            """Run a coroutine function with a time limit."""
            with noted():
                async with asyncio.timeout(LIMIT_S):
                    await test(*args, **kwargs)

        @functools.wraps(test)
        def run(*args: Any, **kwargs: Any) -> None:
            """Run a function."""
            with noted():
                test(*args, **kwargs)

        return run_async if inspect.iscoroutinefunction(test) else run  # type: ignore[return-value]

    def avoided_by(self, test: Test) -> Test:
        """Register a test that shows the behaviour of avatar-core.

        Args:
            test: A test function or coroutine function.

        Returns:
            The same test.
        """
        self.avoided_in.append(_id_of(test))
        return test


def _id_of(test: Callable[..., Any]) -> str:
    path = Path(inspect.unwrap(test).__code__.co_filename).relative_to(ROOT)
    return f"{path.as_posix()}::{test.__name__}"


async def never_ends(operation: Any) -> bool:
    """Wait for an operation in virtual time, and return whether it has not ended after 10 minutes.

    Args:
        operation: A coroutine or a future; the function cancels it.

    Returns:
        True if the operation has not ended.

    Raises:
        Exception: The operation raised the exception.
    """
    task = asyncio.ensure_future(operation)
    done, _ = await asyncio.wait([task], timeout=FOREVER_S)
    if done:
        task.result()
        return False
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return True
