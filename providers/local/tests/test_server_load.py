"""Ten sessions under load, some of them killed, leave no worker; `load.py` runs hundreds."""

from __future__ import annotations

import pytest

from avatar_core.testing.server import DevServer
from providers.local.tests.load import LIMIT, load


@pytest.mark.livekit
async def test_sessions_under_load_with_kills_leave_no_worker(server: DevServer) -> None:
    figures = await load(server, 10)
    ends = figures.reported.total() - figures.reported["full"]
    assert (ends, figures.left) == (10, 0), figures
    assert figures.reported["ended"] > 0, figures
    assert figures.most <= LIMIT, figures
