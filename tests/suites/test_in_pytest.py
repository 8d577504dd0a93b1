"""Suites in processes of pytest: with and without plugins, options, overrides and reports."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from avatar_core.testing import ProviderSuite
from tests.suites.right import AcmeSuite, RendererSuite
from tests.unit.test_pytest_plugin import ALONE, AUTO, outside

ROOT = Path(__file__).parents[2]
SUITE = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    from tests.suites.right import AcmeSuite

    class TestAcme(AcmeSuite):
        golden = "golden"
"""
STRICT = ("-o", "asyncio_default_fixture_loop_scope=function")
QUICK = ("-k", "P02 or P10 or P18 or P55 or L01")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(ALONE, id="alone"),
        pytest.param(AUTO, id="auto", marks=pytest.mark.slow),
        pytest.param((*STRICT, "-n", "2"), id="strict and xdist", marks=pytest.mark.slow),
    ],
)
def test_suite_runs_with_any_plugin_and_writes_a_report(
    tmp_path: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.delenv("AVATAR_LEDGER")
    reports = ("--avatar-report=r/it.json", "--avatar-report=r/it.md", "--avatar-update-golden")
    done = outside(tmp_path, SUITE, *options, *QUICK, *reports)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert "2 skipped" in done.stdout
    assert "TestAcme: level none (missing: P01," in done.stdout
    (suite,) = json.loads((tmp_path / "r/it.json").read_text())["suites"]
    outcomes = {check["id"]: check["outcome"] for check in suite["checks"]}
    assert [outcomes[id] for id in ("P02", "P55", "P01")] == ["passed", "not applicable", "not run"]
    assert (suite["provider"], suite["level"]) == ("acme", "none")
    assert "| P02 | bronze |" in (tmp_path / "r/it.md").read_text()
    assert (tmp_path / "golden/default.json").exists()
    assert not list(state.iterdir()), "the suite wrote into the user's own ledger"


def test_report_with_an_unknown_format_is_refused(tmp_path: Path) -> None:
    done = outside(tmp_path, "def test_nothing(): pass", *ALONE, "--avatar-report=it.xml")
    assert "Write a path that ends with .json or .md." in done.stderr


def test_override_of_a_check_is_refused() -> None:
    name = "test_P12_one_create_after_an_unknown_outcome"
    with pytest.raises(TypeError, match=r'skips = \{"P12": "<reason>"\}'):
        type("TestAcme", (AcmeSuite,), {name: lambda self: None})
    mixin = type("Mixin", (), {name: None})
    with pytest.raises(TypeError, match=f"overrides {name}"):
        type("TestAcme", (mixin, AcmeSuite), {})
    with pytest.raises(TypeError, match="overrides checks"):
        type("TestAcme", (AcmeSuite,), {"checks": ()})


def test_misspelt_attribute_of_a_suite_is_refused() -> None:
    with pytest.raises(TypeError, match="defines vendors, but the suite reads vendor"):
        type("TestAcme", (ProviderSuite,), {"vendors": None})


@pytest.mark.slow
def test_skip_needs_a_reason_and_costs_the_level(tmp_path: Path) -> None:
    test = f"""{SUITE}
        skips = {{"P10": "the vendor is on holiday", "P50": " "}}
    """
    done = outside(tmp_path, test, *ALONE, "-k", "P10 or P50", "--avatar-report=it.json")
    assert "1 failed" in done.stdout, done.stdout
    assert "gives no reason for P50" in done.stdout
    (suite,) = json.loads((tmp_path / "it.json").read_text())["suites"]
    outcomes = {check["id"]: check["outcome"] for check in suite["checks"]}
    assert (outcomes["P10"], outcomes["P50"]) == ("skipped", "failed")
    unknown = type("TestAcme", (RendererSuite,), {"skips": {"P99": "no such check"}})
    with pytest.raises(AssertionError, match="lists P99"):
        unknown().run_check(unknown.checks[0])


@pytest.mark.slow
def test_plugin_adds_at_most_200_ms_to_an_empty_run(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_nothing(): pass")

    def cpu_s(*options: str) -> float:
        code = textwrap.dedent(
            """
            import sys, time, pytest
            pytest.main(sys.argv[1:])
            print("cpu", time.process_time())
            """
        )
        command = [sys.executable, "-c", code, "-q", "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert "1 passed" in done.stdout
        return float(done.stdout.rpartition("cpu ")[2])

    with_plugin = min(cpu_s() for _ in range(3))
    without = min(cpu_s("-p", "no:avatar_core") for _ in range(3))
    assert with_plugin - without < 0.2
