"""For all tests: one livekit-server where a real one is needed, and nothing left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from avatar_core.testing.leak_check import Belongings, left_since, watch_loops
from avatar_core.testing.server import DevServer

watch_loops()


@pytest.fixture(scope="session", autouse=True)
def _own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests buy is not written where the user's own purchases are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVATAR_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        yield


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No task, process, thread or file; made first and so asked last, after the test's loop."""
    before = Belongings.now()
    yield
    native = request.node.get_closest_marker("livekit") is not None
    if left := left_since(before, native=native):
        pytest.fail(f"left behind: {'; '.join(left)}", pytrace=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[DevServer]:
    """A livekit-server on loopback; tests share it, so each uses rooms of its own."""
    async with DevServer.from_environment() as running:
        yield running


def pytest_sessionfinish() -> None:
    """Dispose of it, as livekit.rtc itself does at exit, which once panicked (exit code 134)."""
    client = sys.modules.get("livekit.rtc._ffi_client")
    if client is not None and client.FfiClient._instance is not None:
        gc.collect()
        client.FfiClient._instance._dispose()
