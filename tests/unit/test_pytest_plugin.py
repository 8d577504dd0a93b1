"""The marker `virtual_time` works in this run of pytest and in runs in other processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from avatar_core.testing.clock import now
from avatar_core.testing.virtual_loop import VirtualLoop

HOUR_S = 3600.0
TEST_S = 100.0
TRUE_MONOTONIC = time.monotonic


@pytest.mark.virtual_time
async def test_marked_test_runs_in_virtual_time() -> None:
    await asyncio.sleep(HOUR_S)
    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert time.monotonic() == HOUR_S


@pytest.fixture
async def began_at() -> float:
    await asyncio.sleep(HOUR_S)
    return time.monotonic()


@pytest.mark.virtual_time
async def test_async_fixtures_share_the_loop_of_a_marked_test(began_at: float) -> None:
    assert began_at == HOUR_S
    assert now() >= HOUR_S


async def test_unmarked_test_runs_in_true_time() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert time.monotonic is TRUE_MONOTONIC


LOOPTIME = ("looptime_plugin", "looptime_chronometers", "looptime_timeproxies")
"""Its plugins, should it be installed: they need pytest-asyncio, and warn on Python 3.12."""


def block_plugins(*names: str) -> list[str]:
    """Options of pytest that keep plugins out, installed or not."""
    return [option for name in names for option in ("-p", f"no:{name}")]


def outside(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a test file with pytest in a process of its own, where a warning is an error."""
    (folder / "test_it.py").write_text(textwrap.dedent(test))
    options = (*block_plugins("cacheprovider", *LOOPTIME), *options)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-q", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TEST_S,
    )


AUTO = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
STRICT = ("-o", "asyncio_mode=strict", *AUTO[2:])
ALONE = ("-p", "no:asyncio")

CONVERSATION = """
    import pytest
    from avatar_core import create_avatar
    from avatar_core.testing import IN_MEMORY, Conversation

    @pytest.mark.virtual_time
    async def test_agent_greets(monkeypatch):
        monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
        monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")
        async with Conversation(create_avatar("mock", livekit=IN_MEMORY)) as talk:
            await talk.over(talk.say(3))
            assert talk.faults() == []
"""
CALL = """
    import pytest
    from livekit.agents import Agent, AgentSession
    from avatar_core.testing import ScriptedLLM

    @pytest.mark.avatar("mock", fault="vendor answers 402")
    async def test_agent_greets(avatar_call):
        model = ScriptedLLM({"Hello": "Good morning."})
        agent = Agent(instructions="", llm=model)
        async with avatar_call(agent) as call:
            await call.user_says("Hello")
            await call.agent_finished()
            assert call.heard == "Good morning."
            assert call.events == ["mock failed: PaymentError", "voice speaks"]

    @pytest.mark.avatar(provide="mock")
    def test_marker_with_an_unknown_argument_fails(avatar_call):
        pass
"""
LOOPS = """
    import asyncio
    import threading
    import pytest

    @pytest.mark.virtual_time
    async def test_loop_closes_while_a_thread_runs():  # Python 3.13 would wait 300 s for it
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(threading.Event().wait, 0.2), 0.05)
        await asyncio.sleep(3600)

    class TestMethods:
        @pytest.mark.virtual_time
        async def test_method_with_a_fixture_runs_in_virtual_time(self, tmp_path):
            await asyncio.sleep(3600)

    @pytest.mark.virtual_time
    def test_asyncio_run_uses_virtual_time():
        asyncio.run(asyncio.sleep(3600))
"""


@pytest.mark.parametrize(
    ("test", "options"),
    [(CONVERSATION, ALONE), (LOOPS, ALONE), (LOOPS, AUTO)],
    ids=["conversation", "alone", "pytest-asyncio"],
)
def test_marked_test_runs_without_a_warning(
    tmp_path: Path, test: str, options: tuple[str, ...]
) -> None:
    done = outside(tmp_path, test, *options)
    assert f"{test.count('def test_')} passed" in done.stdout, done.stdout + done.stderr
    assert "warning" not in done.stdout.lower()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(ALONE, id="alone"),
        pytest.param(AUTO, id="auto", marks=pytest.mark.slow),
        pytest.param((), id="strict", marks=pytest.mark.slow),
        pytest.param(("-n", "2"), id="xdist", marks=pytest.mark.slow),
    ],
)
def test_avatar_call_runs_in_virtual_time_without_a_warning(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = outside(tmp_path, CALL, *options)
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "The marker `avatar` has no argument provide. Did you mean provider?" in done.stdout
    assert "warning" not in done.stdout.lower()


def test_marked_test_on_a_shared_loop_fails_with_a_hint(tmp_path: Path) -> None:
    test = """
        import asyncio, pytest

        @pytest.mark.virtual_time
        @pytest.mark.asyncio(loop_scope="module")
        async def test_loop_is_shared():
            await asyncio.sleep(3600)
    """
    done = outside(tmp_path, test, *AUTO)
    assert "1 failed" in done.stdout
    assert 'Also mark the test with pytest.mark.asyncio(loop_scope="function").' in done.stdout


def test_module_scoped_loops_and_fixtures_use_true_time(tmp_path: Path) -> None:
    test = """
        import asyncio, pytest, pytest_asyncio, time

        pytestmark = pytest.mark.virtual_time

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def shared():
            return asyncio.get_running_loop(), time.time()

        async def test_only_its_own_loop_is_virtual(shared):
            loop, made_at = shared
            assert type(loop).__name__ != "VirtualLoop"
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"
            assert made_at < time.time() - 1e9
    """
    done = outside(tmp_path, test, *AUTO)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_run_without_the_marker_imports_no_heavy_module(tmp_path: Path) -> None:
    test = """
        import sys

        def test_plugin_imports_no_heavy_module():
            heavy = ("livekit", "pydantic", "numpy", "httpx", "looptime", "asyncio",
                     "avatar_core.testing.clock")
            assert "avatar_core.testing.pytest_plugin" in sys.modules
            assert [name for name in heavy if name in sys.modules] == []
    """
    others = block_plugins("asyncio", "anyio", "timeout", "xdist", "hypothesispytest")
    done = outside(tmp_path, test, *others)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
