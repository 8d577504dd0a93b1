"""An unmodified plugin of LiveKit in a room of a real server; `make long` runs all plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import LiveConversation
from tests.long.bridge_matrix import SHORT, count_class_state, run_plugin
from tests.support.plugin_arguments import PLUGINS

pytestmark = pytest.mark.livekit


async def test_bridged_plugin_speaks_is_interrupted_and_is_replaced_by_the_voice(
    server: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveConversation, "owns_children", False)  # the vendor starts the worker
    (case,) = [case for case in PLUGINS if case.name == "anam"]
    before = count_class_state()
    result = await run_plugin(server, case, tmp_path, SHORT)
    assert result.holds(case), result
    assert count_class_state() == before
