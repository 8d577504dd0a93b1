"""The suites of all mutants of providers."""

from __future__ import annotations

from avatar_core.testing import ProviderSuite
from tests.suites import right, session_mutants, start_mutants
from tests.suites.import_livekit import ImportsLivekit
from tests.suites.import_network import ConnectsAtImport
from tests.suites.mutant_table import TABLE, Mutant, mutant

__all__ = ["INSTALLED", "MUTANTS", "session_mutants", "start_mutants"]

# P03 imports these modules in another process, so the modules contain the class alone.
mutant("P03")(ImportsLivekit)
mutant("P03")(ConnectsAtImport)


def make_suite(one: Mutant) -> type[ProviderSuite]:
    base = getattr(right, one.like)
    attributes = {"provider": one.provider, "__module__": right.__name__, **one.attributes}
    return type(f"{one.provider.__name__}Suite", (base,), attributes)


_SUITES = {make_suite(one): one for one in TABLE}
MUTANTS = {suite: one.ids for suite, one in _SUITES.items()}
"""The ids of the checks that must fail, by the suite of the mutant."""
INSTALLED = {suite: one.installs for suite, one in _SUITES.items()}
"""The target of the entry point, where it is not the provider of the suite."""
