"""Killed agents' sessions are ended from the ledger; living ones' are not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from tests.long.kill_agents import kill

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]


async def test_kill_9_and_reap(server: DevServer, tmp_path: Path) -> None:
    toll = await kill(6, server, tmp_path)
    assert toll.sold > 2, "none of the killed had bought anything"
    assert (toll.open, toll.living) == (0, 2)
    assert set(toll.verdicts) <= {"ended", "waiting", "alive"}, "some could not be ended"
