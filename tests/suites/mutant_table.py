"""The table of the mutants of providers: a suite of each, and the checks that must fail."""

from __future__ import annotations

from typing import Any

from avatar_core.testing import ProviderSuite
from tests.suites.right import AcmeSuite

MUTANTS: dict[type[ProviderSuite], tuple[str, ...]] = {}
"""The ids of the checks that must fail, by the suite of the mutant."""


INSTALLED: dict[type[ProviderSuite], str] = {}
"""The target of the entry point, where it is not the provider of the suite."""


def mutant(
    *ids: str, like: type[ProviderSuite] = AcmeSuite, installs: str = "", **attributes: Any
) -> Any:
    """Add the suite of a mutant to `MUTANTS`."""

    def add(cls: type[Any]) -> type[Any]:
        suite = type(f"{cls.__name__}Suite", (like,), {"provider": cls, **attributes})
        suite.__module__ = like.__module__
        MUTANTS[suite] = ids
        INSTALLED[suite] = installs
        return cls

    return add
