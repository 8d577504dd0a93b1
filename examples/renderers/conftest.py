"""Installs the examples of this folder for their tests, and marks their suites as slow."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.testing import ProviderSuite, RendererSuite
from tests.support.plugins import make_site

HERE = Path(__file__).parent
SOURCES = sorted(HERE.glob("*/src"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the checks of the suites as slow: they take about ten seconds each."""
    for item in items:
        suite = item.getparent(pytest.Class)
        is_suite = suite is not None and issubclass(suite.obj, ProviderSuite | RendererSuite)
        if HERE in item.path.parents and is_suite:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process and child processes find the examples, with their entry points."""
    paths = [str(HERE.parents[1]), *map(str, SOURCES)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    with make_site(tmp_path, monkeypatch) as site:
        for source in SOURCES:
            project = tomllib.loads((source.parent / "pyproject.toml").read_text())["project"]
            site.install(project["name"], project["entry-points"]["avatar_core.providers"])
        yield
