"""The unmodified livekit-plugins-tavus and our provider both speak through the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from providers.tavus.tests.jobs import SPOKEN_WORDS
from providers.tavus.tests.meters import bill

STAY_S, REPORT_S = 4.0, 5.0

pytestmark = [pytest.mark.livekit, pytest.mark.alone, pytest.mark.timeout(180)]


@pytest.mark.slow
async def test_livekit_plugin_speaks_and_does_not_end_its_conversation(
    server: DevServer, tmp_path: Path
) -> None:
    reported = await bill("stock", "", server, tmp_path, STAY_S, REPORT_S)
    assert (set(reported.heard), reported.by_avatar) == (set(SPOKEN_WORDS), True)
    assert (reported.provisioned, reported.ended) == (1, 0)


async def test_our_provider_speaks_and_ends_its_conversation(
    server: DevServer, tmp_path: Path
) -> None:
    reported = await bill("ours", "reset after create", server, tmp_path, STAY_S)
    assert (reported.heard, reported.by_avatar) == (tuple(SPOKEN_WORDS), True)
    assert (reported.provisioned, reported.ended) == (1, 1)
