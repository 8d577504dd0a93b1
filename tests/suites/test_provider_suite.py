"""Correct providers pass every check, and each mutant fails exactly its checks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.testing import FakeVendor, ProviderSuite
from avatar_core.testing.suites.check import Blocked, Check, Level, NotApplicable
from tests.suites.mutants import INSTALLED, MUTANTS
from tests.suites.right import RIGHT
from tests.support.plugins import make_site

CALLS = [
    ("POST", "/v1/sessions"),
    ("GET", "/v1/sessions?name=x"),
    ("POST", "/v1/sessions/s/end"),
    ("POST", "/v1/sessions/s/stop"),
    ("DELETE", "/v1/sessions/s"),
]


@pytest.fixture(autouse=True)
def _silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("avatar_core"), "disabled", True)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Yield a function that installs the provider of a suite, as pip does it."""
    with make_site(tmp_path, monkeypatch) as site:

        def install_one(suite: type[ProviderSuite]) -> None:
            cls = suite.provider
            target = INSTALLED.get(suite) or f"{cls.__module__}:{cls.__qualname__}"
            site.install("avatar-provider-acme", {cls.name: target})

        yield install_one


def outcome(suite: ProviderSuite, check: Check[ProviderSuite]) -> str:
    """Return "passed", "failed", "blocked", or "not applicable"."""
    try:
        suite.run_check(check)
    except NotApplicable:
        return "not applicable"
    except Blocked:
        return "blocked"
    except Exception as error:
        return f"failed: {error}"
    return "passed"


@pytest.mark.parametrize("suite", RIGHT, ids=lambda suite: suite.__name__)
def test_correct_provider_fails_no_check(suite: type[ProviderSuite], install) -> None:
    install(suite)
    outcomes = {check.id: outcome(suite(), check) for check in suite.checks}
    bad = {id: text for id, text in outcomes.items() if text not in ("passed", "not applicable")}
    assert bad == {}


@pytest.mark.parametrize("suite", MUTANTS, ids=lambda suite: suite.__name__)
def test_mutant_fails_its_checks(suite: type[ProviderSuite], install) -> None:
    install(suite)
    checks = [check for check in suite.checks if check.id in MUTANTS[suite]]
    assert len(checks) == len(MUTANTS[suite])
    for check in checks:
        assert outcome(suite(), check).startswith("failed"), check.id


@pytest.mark.slow
@pytest.mark.parametrize("suite", MUTANTS, ids=lambda suite: suite.__name__)
def test_mutant_fails_no_other_check(suite: type[ProviderSuite], install) -> None:
    install(suite)
    listed = MUTANTS[suite]
    # All mutants but those of P03 are in one module, whose imports P03 would judge.
    checks = [check for check in suite.checks if check.id != "P03" or "P03" in listed]
    found = [check.id for check in checks if outcome(suite(), check).startswith("failed")]
    assert sorted(found) == sorted(listed)


def test_every_check_has_a_mutant() -> None:
    assert {id for ids in MUTANTS.values() for id in ids} == {
        check.id for check in ProviderSuite.checks if check.level is not Level.LIVE
    }


def test_fake_vendor_that_names_no_end_request_is_reported(install) -> None:
    class Unnamed(FakeVendor):
        def operation_of(self, method: str, path: str) -> str:
            return "create"

    class Suite(RIGHT[0]):  # type: ignore[misc, valid-type]
        __test__ = False
        vendor = Unnamed

    install(Suite)
    check = next(check for check in Suite.checks if check.id == "P23")
    assert "operation_of" in outcome(Suite(), check)
    names = [FakeVendor.operation_of(None, *call) for call in CALLS]  # type: ignore[arg-type]
    assert names == ["create", "find", "end", "end", "end"]


def test_page_lists_every_check() -> None:
    page = (Path(__file__).parents[2] / "docs/prove-it.md").read_text(encoding="utf-8")
    rows = [f"| {one.id} | {one.level} | {one.summary} |" for one in ProviderSuite.checks]
    assert [line for line in page.splitlines() if line.startswith(("| P", "| L"))] == rows
    assert len({check.id for check in ProviderSuite.checks}) == len(ProviderSuite.checks)
