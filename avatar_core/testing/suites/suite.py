"""The base class of suites, which gives each check a test method."""

from __future__ import annotations

import difflib
import inspect
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from avatar_core.testing.suites.check import (
    Blocked,
    Check,
    CheckFailed,
    Level,
    NotApplicable,
    RunOptions,
    Skipped,
)

if TYPE_CHECKING:
    import pytest

PROPERTY = "avatar_check"
"""The name of the pytest property that holds the result of a check as JSON."""
MISSPELT_RATIO = 0.75


class Suite:
    """Base class of suites.

    A direct subclass is a kind of suite and lists its `checks`. Each check becomes a test method.
    An author subclasses the kind of suite, and sets the attributes that the kind documents.

    Attributes:
        checks: The checks of this kind of suite.
        skips: The reason for each check that the author leaves out, by the id of the check. A suite
            with skips does not prove the levels of these checks.
        options: The options of the current run.
    """

    checks: ClassVar[tuple[Check[Any], ...]] = ()
    skips: ClassVar[Mapping[str, str]] = {}
    options = RunOptions()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if Suite in cls.__bases__:
            for check in cls.checks:
                setattr(cls, check.test_name, _make_test(check))
            return
        _refuse_overrides(cls)
        _refuse_misspellings(cls)

    @classmethod
    def describe(cls) -> Mapping[str, str]:
        """Return what the report says about the package.

        Returns:
            Texts by name.
        """
        return {"suite": cls.__name__}

    def run_check(self, check: Check[Any]) -> None:
        """Run one check.

        Args:
            check: A check of this suite.

        Raises:
            CheckFailed: The package violates the property, or `skips` is invalid.
            NotApplicable: The check does not concern the package, or needs `options.live`.
            Skipped: `skips` lists the check.
            Blocked: The check cannot run, because another check fails.
            Exception: Any exception of the package, which is a violation too.
        """
        unknown = set(self.skips) - {one.id for one in self.checks}
        if unknown:
            raise CheckFailed(
                f"skips of {type(self).__name__} lists {', '.join(sorted(unknown))}, but the suite "
                "has no such check.",
                "Remove the id from skips.",
            )
        if check.id in self.skips:
            if not self.skips[check.id].strip():
                raise CheckFailed(
                    f"skips of {type(self).__name__} gives no reason for {check.id}.",
                    f'Write the reason: skips = {{"{check.id}": "<reason>"}}',
                )
            raise Skipped(self.skips[check.id])
        if check.level is Level.LIVE and not self.options.live:
            raise NotApplicable("a check of the real service; run pytest with --avatar-live")
        check.run(self)


def _make_test(check: Check[Any]) -> Callable[[Suite, pytest.FixtureRequest], None]:
    def test(self: Suite, request: pytest.FixtureRequest) -> None:
        import pytest

        started_s = time.perf_counter()
        outcome, message = "failed", ""
        try:
            self.options = RunOptions(
                live=request.config.getoption("--avatar-live", False),
                update_golden=request.config.getoption("--avatar-update-golden", False),
            )
            self.run_check(check)
            outcome = "passed"
        except CheckFailed as failure:
            message = str(failure)
        except NotApplicable as reason:
            outcome, message = "not applicable", str(reason)
        except Skipped as reason:
            outcome, message = "skipped", str(reason)
        except Blocked as reason:
            outcome, message = "blocked", str(reason)
        except BaseException as error:
            message = f"{type(error).__name__} escaped."
            raise
        finally:
            result = {
                **self.describe(),
                "module": f"{type(self).__module__}.{type(self).__qualname__}",
                "all": [one.describe() for one in self.checks],
                "id": check.id,
                "outcome": outcome,
                "message": message,
                "duration_s": round(time.perf_counter() - started_s, 3),
            }
            request.node.user_properties.append((PROPERTY, json.dumps(result)))
        if outcome == "failed":
            pytest.fail(f"{check.id}: {message}", pytrace=False)
        elif outcome != "passed":
            pytest.skip(f"{check.id}: {message}")

    test.__name__ = check.test_name
    test.__doc__ = check.summary
    test.__qualname__ = f"Suite.{check.test_name}"
    return test


def _refuse_overrides(cls: type[Suite]) -> None:
    """Raise an error if a class replaces a test of its suite, or the list of checks.

    Raises:
        TypeError: The class, or another base class, defines a test or the checks of the suite.
    """
    kind: type[Suite] = next(base for base in cls.__mro__ if Suite in base.__bases__)
    names = ["checks", "run_check", *(check.test_name for check in kind.checks)]
    for name in names:
        if inspect.getattr_static(cls, name) is not inspect.getattr_static(kind, name):
            id = name.split("_")[1] if name.startswith("test_") else "P12"
            raise TypeError(
                f"{cls.__name__} overrides {name} of {kind.__name__}, so the suite proves nothing. "
                "Remove the override. To leave a check out, write in the class: "
                f'skips = {{"{id}": "<reason>"}}'
            )


def _refuse_misspellings(cls: type[Suite]) -> None:
    """Raise an error for an attribute that is similar to an attribute of the suite.

    Raises:
        TypeError: An attribute is probably misspelt.
    """
    known = {
        name
        for base in cls.__mro__[1:]
        for name in (*vars(base), *vars(base).get("__annotations__", {}))
        if not name.startswith(("_", "test_"))
    }
    for name in vars(cls):
        if name.startswith(("_", "test_")) or name in known:
            continue
        if near := difflib.get_close_matches(name, known - set(vars(cls)), 1, MISSPELT_RATIO):
            raise TypeError(
                f"{cls.__name__} defines {name}, but the suite reads {near[0]}. "
                f"Rename the attribute to {near[0]}."
            )
