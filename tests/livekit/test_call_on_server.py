"""A call of `avatar_call` on a real server: the user hears every word of the agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from livekit.agents import Agent

from avatar_core.testing import ScriptedLLM
from avatar_core.testing.call.fixture import CallFactory

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

APPLICATION = Path(__file__).parents[2] / "examples/application"
RESPONSE = "It arrives tomorrow at ten."
APPLICATION_S = 110.0


async def test_user_hears_the_first_word_of_a_response_on_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path / "ledger"))
    agent = Agent(instructions="", llm=ScriptedLLM({"Where is my order?": RESPONSE}))
    async with CallFactory(on_server=True)(agent) as call:
        await call.user_says("Where is my order?")
        await call.agent_finished()
        assert call.heard == RESPONSE
        assert call.events == ["mock joined"]
    assert (call.sessions.created, call.sessions.open) == (1, 0)
    assert not (tmp_path / "ledger").exists(), "the call wrote into the user's own ledger"


@pytest.mark.slow
def test_tests_of_the_example_pass_on_a_server() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--avatar-server", "-m", ""]
    done = subprocess.run(
        [*command, str(APPLICATION)],
        cwd=APPLICATION.parents[1],
        env={**os.environ, "PYTHONPATH": str(APPLICATION)},
        capture_output=True,
        text=True,
        timeout=APPLICATION_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
