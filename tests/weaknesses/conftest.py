"""Isolates the scenarios: the stock classes keep their RPC handlers in class attributes."""

from __future__ import annotations

import pytest
from livekit.agents.voice.avatar import DataStreamAudioOutput, DataStreamAudioReceiver


@pytest.fixture(autouse=True)
def _own_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataStreamAudioOutput, "_playback_finished_handlers", {})
    monkeypatch.setattr(DataStreamAudioOutput, "_playback_started_handlers", {})
    monkeypatch.setattr(DataStreamAudioReceiver, "_clear_buffer_handlers", {})
