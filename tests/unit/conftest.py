"""Lets the tests here import their doubles by name, and makes those that several files take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins import FakeSite, fake_site

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """A place to install plugins."""
    with fake_site(tmp_path, monkeypatch) as fake:
        yield fake
