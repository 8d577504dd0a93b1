"""A check: one property of a package, with a stable id and a level."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from avatar_core.contracts.errors import AvatarError
from avatar_core.tasks import describe_error
from avatar_core.testing.clock import run as run_in_virtual_time

T = TypeVar("T")


class Level(StrEnum):
    """The levels of a suite, in rising order. A level includes the checks of the levels below it.

    Attributes:
        BRONZE: The package can be installed and set up, and an avatar speaks.
        SILVER: The package keeps the contract under every fault of its vendor.
        GOLD: The package keeps the contract also under cancellation, load and inspection.
        LIVE: The package works with the real service. This level is separate from the others.
    """

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    LIVE = "live"


LEVELS = (Level.BRONZE, Level.SILVER, Level.GOLD)
"""The levels that a suite can prove without the real service, in rising order."""


class CheckFailed(AssertionError):  # noqa: N818 - "failed" is the word of test reports
    """A check found a violation.

    Args:
        message: The violation, as a sentence.
        hint: The next step of the author, as a sentence.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())


class NotApplicable(Exception):  # noqa: N818 - it is not an error
    """A check does not concern the package, for example because the package has no vendor."""


class Blocked(Exception):  # noqa: N818 - it is not an error
    """A check cannot run, because another check fails.

    Args:
        by: The id of the other check.
        reason: The failure, as a sentence.
    """

    def __init__(self, by: str, reason: str) -> None:
        super().__init__(f"blocked by {by}: {reason}")
        self.by = by


class Skipped(Exception):  # noqa: N818 - it is not an error
    """The author of the package leaves a check out, and states the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of one run of a suite.

    Attributes:
        live: Whether the checks of the level `LIVE` call the real service.
        update_golden: Whether the suite writes the golden files instead of comparing them.
    """

    live: bool = False
    update_golden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[T]):
    """One property of a package.

    Attributes:
        id: Stable id, such as `P12`.
        level: The lowest level that requires the check.
        name: Name of the check: the end of the name of its test.
        summary: One sentence that says what the check requires.
        function: The check: a function or a coroutine function that takes the suite. It raises
            `CheckFailed` if the package violates the property.
    """

    id: str
    level: Level
    name: str
    summary: str
    function: Callable[[T], Awaitable[None] | None]

    @property
    def test_name(self) -> str:
        """The name of the test method."""
        return f"test_{self.id}_{self.name}"

    def describe(self) -> dict[str, str]:
        """Return the id, the name, the level and the summary, for the report.

        Returns:
            The texts by name.
        """
        return {
            "id": self.id,
            "name": self.name,
            "level": self.level.value,
            "summary": self.summary,
        }

    def run(self, subject: T) -> None:
        """Run the check; a coroutine function runs on a new event loop in virtual time.

        The checks of the level `LIVE` run in true time.

        Args:
            subject: The suite.

        Raises:
            CheckFailed: The package violates the property.
            NotApplicable: The check does not concern the package.
            Blocked: The check cannot run, because another check fails.
            Exception: Any exception of the package, which is a violation too.
        """
        result = self.function(subject)
        if inspect.iscoroutine(result):
            work: Coroutine[Any, Any, None] = result
            asyncio.run(work) if self.level is Level.LIVE else run_in_virtual_time(work)


def check(id: str, level: Level) -> Callable[[Callable[[T], Awaitable[None] | None]], Check[T]]:
    """Return a decorator that makes a function a check.

    The name of the function becomes the name of the check, and the first line of its docstring
    becomes the summary.

    Args:
        id: Stable id of the check.
        level: The lowest level that requires the check.

    Returns:
        The decorator.
    """

    def decorate(function: Callable[[T], Awaitable[None] | None]) -> Check[T]:
        """Create the check.

        Args:
            function: The function of the check.

        Returns:
            The check.
        """
        summary = (function.__doc__ or "").partition("\n")[0]
        name = function.__name__
        return Check(id=id, level=level, name=name, summary=summary, function=function)

    return decorate


def message_of(error: BaseException) -> str:
    """Return the message of an error of avatar-core, or the type and the place of another error.

    Args:
        error: The error.

    Returns:
        The message.
    """
    return str(error) if isinstance(error, AvatarError) else describe_error(error)
