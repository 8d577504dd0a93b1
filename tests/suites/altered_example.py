"""Mutants: an example with one statement replaced, and the checks that must fail on it."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from avatar_core.testing.suites.check import Blocked, Check, NotApplicable, Skipped
from avatar_core.testing.suites.suite import Suite

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong statement of an example.

    Attributes:
        name: The name of the mutant.
        fails: The ids of the checks that must fail, separated by spaces.
        right: The text of the example that is replaced; the example contains it once.
        wrong: The text that replaces it.
    """

    name: str
    fails: str
    right: str
    wrong: str

    @property
    def ids(self) -> set[str]:
        return set(self.fails.split())

    def load(self, example: Path, folder: Path) -> ModuleType:
        """Write the example with the wrong statement into a folder, and import it."""
        source = example.read_text(encoding="utf-8")
        assert source.count(self.right) == 1, f"{self.right!r} must be in {example.name} once"
        path = folder / f"mutant_{next(_numbers)}.py"
        path.write_text(source.replace(self.right, self.wrong), encoding="utf-8")
        return load_module(path)


def parameters(mutants: Sequence[Mutant]) -> list[Any]:
    """Return the mutants as parameters; mutants of checks that an earlier one fails are slow."""
    known: set[str] = set()
    found = []
    for mutant in mutants:
        marks = () if mutant.ids - known else (pytest.mark.slow,)
        known |= mutant.ids
        found.append(pytest.param(mutant, marks=marks, id=mutant.name.replace(" ", "-")))
    return found


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failing_ids(suite: type[Suite]) -> set[str]:
    """Run all checks of a suite; return the ids of those that fail."""
    return _failing(lambda check: suite().run_check(check), suite.checks)


def failing_of(suite: type[Suite], ids: set[str]) -> set[str]:
    """Run some checks of a suite without their basic checks; return the ids of those that fail."""
    checks = [check for check in suite.checks if check.id in ids]
    return _failing(lambda check: check.run(suite()), checks)


def _failing(run: Callable[[Check[Any]], None], checks: Iterable[Check[Any]]) -> set[str]:
    failed = set()
    for check in checks:
        try:
            run(check)
        except (NotApplicable, Skipped, Blocked):
            continue
        except Exception:
            failed.add(check.id)
    return failed
