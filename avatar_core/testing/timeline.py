"""A log of the events of a test, with their times."""

from __future__ import annotations

from avatar_core.testing.clock import now

MAX_LINES = 3000


class LivelockError(BaseException):
    """So much happened that no time passes any more; the code under test cannot catch it."""


class Timeline:
    """The first thing to read when a test fails.

    Attributes:
        lines: What happened, each with its loop time.
        faults: The laws that were broken.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults: list[str] = []

    def note(self, what: str) -> None:
        """Add a line.

        Args:
            what: What happened just now.

        Raises:
            LivelockError: There are too many lines.
        """
        self.lines.append(f"{now():8.3f}  {what}")
        if len(self.lines) > MAX_LINES:
            raise LivelockError

    def fault(self, what: str) -> None:
        """Note a broken law. It is not raised here, where the code under test may catch all.

        Args:
            what: What broke it.
        """
        self.note(f"BROKEN: {what}")
        self.faults.append(what)

    def check(self) -> None:
        """Check that no law was broken.

        Raises:
            AssertionError: One was; with the first lines of the timeline.
        """
        if self.faults:
            raise AssertionError("\n  ".join([*self.faults[:9], "timeline:", *self.lines[:200]]))
