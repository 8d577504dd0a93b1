"""Lets the tests here import their doubles by name, and makes those that several files take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from avatar_core.testing.player_harness import PlayerHarness
from avatar_core.testing.room.room import MemoryRoom
from tests.support.plugin_site import PluginSite
from tests.support.plugins import FakeSite, make_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """A place to install plugins."""
    with make_site(tmp_path, monkeypatch) as fake:
        yield fake


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    """A place to install avatar plugins of LiveKit."""
    return PluginSite(tmp_path, monkeypatch)


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[PlayerHarness]:
    """A player whose laws are checked at the end."""
    harness = PlayerHarness()
    yield harness
    await harness.aclose()


@pytest_asyncio.fixture
async def room() -> AsyncIterator[MemoryRoom]:
    """A room in memory that leaves no task behind."""
    before = asyncio.all_tasks()
    room = MemoryRoom()
    yield room
    for identity in list(room.members):
        room.remove(identity)
    await asyncio.sleep(0.1)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert [task for task in left if not task.done()] == []
