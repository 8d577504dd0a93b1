"""All mutants of providers; an import of their modules fills the table."""

from __future__ import annotations

from tests.suites import session_mutants, start_mutants
from tests.suites.import_livekit import ImportsLivekit
from tests.suites.import_network import ConnectsAtImport
from tests.suites.mutant_table import INSTALLED, MUTANTS, mutant
from tests.suites.record_mutants import EndsWithTheKeyOfTheStart, RemembersItsSessions

__all__ = ["INSTALLED", "MUTANTS", "session_mutants", "start_mutants"]

# The modules of these providers do not import this one, because other processes import them.
mutant("P03")(ImportsLivekit)
mutant("P03")(ConnectsAtImport)
mutant("P22")(RemembersItsSessions)
mutant("P22")(EndsWithTheKeyOfTheStart)
