"""Lets the tests here import their doubles by name, and makes those that several files take."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.plugins import FakeSite, fake_site

sys.path.insert(0, str(Path(__file__).parent))
from world import World


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """A place to install plugins."""
    with fake_site(tmp_path, monkeypatch) as fake:
        yield fake


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A player whose laws are checked at the end."""
    world = World()
    yield world
    await world.aclose()
