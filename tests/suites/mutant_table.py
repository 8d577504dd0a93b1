"""The table of the mutants of providers, and the checks that must fail.

The module imports no suite, because check P22 imports the modules of mutants in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mutant.

    Attributes:
        provider: The provider class.
        ids: The ids of the checks that must fail.
        like: The name of the suite in `tests.suites.right` that the suite of the mutant extends.
        installs: The target of the entry point, where it is not the provider.
        attributes: Attributes of the suite.
    """

    provider: type[Any]
    ids: tuple[str, ...]
    like: str
    installs: str
    attributes: Mapping[str, Any]


TABLE: list[Mutant] = []


def mutant(*ids: str, like: str = "AcmeSuite", installs: str = "", **attributes: Any) -> Any:
    """Add a provider class to `TABLE`."""

    def add(cls: type[Any]) -> type[Any]:
        TABLE.append(Mutant(cls, ids, like, installs, attributes))
        return cls

    return add
