"""The page of providers agrees with the capabilities of the providers and with their suites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.provider_directory import PAGE, find_suites, read_levels, run_suites, write_page

NEXT_STEP = "Run python tools/provider_directory.py, whose docstring shows a fast way."


def test_page_agrees_with_the_capabilities_of_all_providers() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert write_page(read_levels(page)) == page, NEXT_STEP


def test_page_states_a_level_for_each_suite_and_no_other_level() -> None:
    levels = read_levels(PAGE.read_text(encoding="utf-8"))
    with_suite = {name for name, level in levels.items() if level != "no suite"}
    assert with_suite == find_suites().keys(), NEXT_STEP
    assert set(levels.values()) <= {"none", "bronze", "silver", "gold", "no suite"}


def test_page_with_another_capability_is_reported() -> None:
    page = PAGE.read_text(encoding="utf-8")
    wrong = page.replace("idempotency key", "lookup of the session", 1)
    assert write_page(read_levels(wrong)) != wrong


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_levels_equal_the_results_of_the_suites(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    run_suites(report)
    suites = json.loads(report.read_text(encoding="utf-8"))["suites"]
    levels = read_levels(PAGE.read_text(encoding="utf-8"))
    assert {suite["provider"]: suite["level"] for suite in suites} == {
        name: level for name, level in levels.items() if level != "no suite"
    }
