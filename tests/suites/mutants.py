"""The suites of all mutants of providers."""

from __future__ import annotations

from avatar_core.testing import ProviderSuite
from tests.suites import right, session_mutants, start_mutants
from tests.suites.import_livekit import ImportsLivekit
from tests.suites.import_network import ConnectsAtImport
from tests.suites.mutant_table import TABLE, Entry, mutant

__all__ = ["INSTALLED", "MUTANTS", "session_mutants", "start_mutants"]

# P03 imports these modules in another process, so the modules contain the class alone.
mutant("P03")(ImportsLivekit)
mutant("P03")(ConnectsAtImport)


def make_suite(entry: Entry) -> type[ProviderSuite]:
    base = getattr(right, entry.like)
    attributes = {"provider": entry.provider, "__module__": right.__name__, **entry.attributes}
    return type(f"{entry.provider.__name__}Suite", (base,), attributes)


_SUITES = {make_suite(entry): entry for entry in TABLE}
MUTANTS = {suite: entry.ids for suite, entry in _SUITES.items()}
"""The ids of the checks that must fail, by the suite of the mutant."""
INSTALLED = {suite: entry.installs for suite, entry in _SUITES.items()}
"""The target of the entry point, where it is not the provider of the suite."""
