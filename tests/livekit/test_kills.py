"""The reaper ends the sessions of killed agents, and leaves those of running agents alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from tests.long.kill_agents import kill_agents

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]


async def test_reaper_ends_the_sessions_of_killed_agents(server: DevServer, tmp_path: Path) -> None:
    result = await kill_agents(6, server, tmp_path)
    assert result.created > 2, "the killed agents had created no session"
    assert (result.open, result.living) == (0, 2)
    assert set(result.reap_results) <= {"ended", "waiting", "alive"}, "some could not be ended"
