"""Basic checks: if one of them fails, the checks that build on it are blocked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from avatar_core.testing.suites.check import Blocked, Check, NotApplicable, Skipped

if TYPE_CHECKING:
    from avatar_core.testing.suites.suite import Suite as Base
else:
    Base = object


class Basics(Base):
    """A part of a suite: runs a check only if its basic checks pass, and each basic check once.

    So one fault of a package fails one check or a few, and not each check that plays audio. Write
    `class MySuite(Basics, Suite)`.

    Attributes:
        basics: Ids of the basic checks of all checks. A basic check builds on the ones before it.
        more_basics: Ids of further basic checks, by the id of the check that builds on them.
    """

    basics: ClassVar[tuple[str, ...]] = ()
    more_basics: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _failures: ClassVar[dict[str, str]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._failures = {}

    def run_check(self, check: Check[Any]) -> None:
        """Run one check, unless a check that it builds on fails.

        Args:
            check: A check of this suite.

        Raises:
            Blocked: A check that `check` builds on fails.
            Exception: Any exception of `Suite.run_check`.
        """
        needed = {*self.basics, *self.more_basics.get(check.id, ())}
        for basic in self.checks:
            if basic.id in needed and basic.id < check.id and (why := self._find_failure(basic)):
                raise Blocked(basic.id, why)
        super().run_check(check)

    def _find_failure(self, check: Check[Any]) -> str:
        """Return the message of a basic check that fails, or an empty string."""
        if check.id not in self._failures:
            try:
                super().run_check(check)
                self._failures[check.id] = ""
            except (Blocked, NotApplicable, Skipped):
                self._failures[check.id] = ""
            except Exception as failure:
                self._failures[check.id] = str(failure) or type(failure).__name__
        return self._failures[check.id]
