"""Fixtures of all tests: a shared livekit-server, a private ledger, and a check for leaks."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from avatar_core import AvatarProvider, RestAvatarProvider
from avatar_core.testing.leak_check import ProcessResources, find_leaks, record_cancelled_tasks
from avatar_core.testing.server import DevServer

record_cancelled_tasks()

SUITE_FILE = "tests/test_suite.py"
SPEECH_CHECKS = ("test_P40_", "test_P41_", "test_P42_")
"""Checks of `ProviderSuite` that take seconds, and that test the same code for each vendor with
byte streams. `make test` runs these checks for Tavus only, and `make long-slow` for the others."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the speech checks of the vendors other than Tavus as slow."""
    for item in items:
        if str(item.path).endswith(SUITE_FILE) and item.name.startswith(SPEECH_CHECKS):
            provider = item.getparent(pytest.Class).obj.provider
            if _has_byte_streams(provider) and provider.name != "tavus":
                item.add_marker("slow")


def _has_byte_streams(provider: type[AvatarProvider[Any]]) -> bool:
    own_sink = provider.create_sink is not AvatarProvider.create_sink
    return issubclass(provider, RestAvatarProvider) and not own_sink


@pytest.fixture(scope="session", autouse=True)
def _own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the sessions of the tests out of the user's own ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _fail_on_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a task, process, thread or file behind.

    This fixture is set up first, so that it checks last, after the test's event loop has closed.
    """
    before = ProcessResources.read()
    yield
    native = request.node.get_closest_marker("livekit") is not None
    native = native or request.config.getoption("--avatar-server")
    if leaks := find_leaks(before, native=native):
        pytest.fail(f"the test left behind: {'; '.join(leaks)}", pytrace=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[DevServer]:
    """A livekit-server on loopback. All tests share it, so each test uses its own rooms."""
    async with DevServer.from_environment() as running:
        yield running


def pytest_sessionfinish() -> None:
    """Dispose of livekit's native client here: at interpreter exit it once panicked (code 134)."""
    client = sys.modules.get("livekit.rtc._ffi_client")
    if client is not None and client.FfiClient._instance is not None:
        gc.collect()
        client.FfiClient._instance._dispose()
