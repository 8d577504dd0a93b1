"""The simulator is real enough: livekit-plugins-tavus speaks through it, its code unmodified."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from providers.tavus.tests.jobs import WORDS
from providers.tavus.tests.meters import bill

STAY_S, TOLD_S = 4.0, 5.0

pytestmark = [pytest.mark.livekit, pytest.mark.alone, pytest.mark.timeout(180)]


async def test_the_stock_plugin_speaks_and_never_ends(server: DevServer, tmp_path: Path) -> None:
    told = await bill("stock", "", server, tmp_path, STAY_S, TOLD_S)
    assert (set(told.heard), told.by_avatar) == (set(WORDS), True)
    assert (told.bought, told.ended) == (1, 0)


async def test_ours_speaks_and_is_ended(server: DevServer, tmp_path: Path) -> None:
    told = await bill("ours", "reset after create", server, tmp_path, STAY_S)
    assert (told.heard, told.by_avatar) == (tuple(WORDS), True)
    assert (told.bought, told.ended) == (1, 1)
