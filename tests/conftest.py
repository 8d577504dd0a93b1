"""One livekit-server for all tests that need a real one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from avatar_core.devserver import DevServer


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[DevServer]:
    """A livekit-server on loopback; tests share it, so each uses rooms of its own."""
    async with DevServer.from_environment() as running:
        yield running
