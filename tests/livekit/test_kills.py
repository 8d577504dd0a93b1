"""The reaper ends the sessions of killed agents, and leaves those of running agents alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from tests.long.kill_agents import kill

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]


async def test_reaper_ends_the_sessions_of_killed_agents(server: DevServer, tmp_path: Path) -> None:
    toll = await kill(6, server, tmp_path)
    assert toll.sold > 2, "none of the killed had bought anything"
    assert (toll.open, toll.living) == (0, 2)
    assert set(toll.verdicts) <= {"ended", "waiting", "alive"}, "some could not be ended"
