"""All mutants of providers; an import of their modules fills the table."""

from __future__ import annotations

from tests.suites import session_mutants, start_mutants
from tests.suites.mutant_table import INSTALLED, MUTANTS

__all__ = ["INSTALLED", "MUTANTS", "session_mutants", "start_mutants"]
