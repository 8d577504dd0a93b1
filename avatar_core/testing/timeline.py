"""A log of the events and faults of a test, with their loop times."""

from __future__ import annotations

from avatar_core.testing.clock import now

MAX_LINES = 3000


class LivelockError(BaseException):
    """A timeline contains more than `MAX_LINES` events, probably because of an endless loop.

    The class is a `BaseException`, so that `except Exception` in the code under test does not catch
    the error.
    """


class Timeline:
    """A log of the events of a test, for the analysis of a failure.

    Attributes:
        lines: The events, each with its loop time in seconds.
        faults: The violations of the rules that the test checks.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.faults: list[str] = []

    def note(self, what: str) -> None:
        """Add an event with the current loop time.

        Args:
            what: A description of the event.

        Raises:
            LivelockError: The timeline has more than `MAX_LINES` events.
        """
        self.lines.append(f"{now():8.3f}  {what}")
        if len(self.lines) > MAX_LINES:
            raise LivelockError

    def fault(self, what: str) -> None:
        """Record a violation of a rule; `check` raises it later.

        This method does not raise the violation, because the code under test might catch the
        exception.

        Args:
            what: A description of the violation.

        Raises:
            LivelockError: The timeline has more than `MAX_LINES` events.
        """
        self.note(f"BROKEN: {what}")
        self.faults.append(what)

    def check(self) -> None:
        """Check that no violation was recorded.

        Raises:
            AssertionError: A violation was recorded. The message contains the first violations and
                events.
        """
        if self.faults:
            raise AssertionError("\n  ".join([*self.faults[:9], "timeline:", *self.lines[:200]]))
