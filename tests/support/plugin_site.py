"""Avatar plugins of LiveKit that misbehave, in a folder that a test adds to the path."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

BASE = """
from livekit.agents import AgentSession, APIConnectOptions, NOT_GIVEN
from livekit.agents.voice.avatar import AvatarSession as Base, DataStreamAudioOutput
import asyncio

class AvatarSession(Base):
    def __init__(self, *, face: str = "f", avatar_participant_identity=NOT_GIVEN,
                 avatar_participant_name=NOT_GIVEN, conn_options=None):
        super().__init__()
        self._identity = avatar_participant_identity or "stock-avatar"
        self.session_id = None

    @property
    def avatar_identity(self):
        return self._identity

    async def start(self, agent_session, room, *, livekit_url, livekit_api_key, livekit_api_secret):
        await super().start(agent_session, room)
        self.session_id = "s-1"
        agent_session.output.replace_audio_tail(
            DataStreamAudioOutput(room, destination_identity=self.avatar_identity)
        )
"""
"""A plugin that starts without a request to a vendor; a test replaces parts of it."""


class PluginSite:
    """A folder with plugins in the package `livekit.plugins`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch
        package = importlib.import_module("livekit.plugins")
        patch.setattr(package, "__path__", [*package.__path__, str(folder)])

    def add(self, name: str, source: str = BASE) -> None:
        """Add a plugin, whose package contains the source."""
        package = self._folder / name
        package.mkdir()
        (package / "__init__.py").write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        self._patch.delitem(sys.modules, f"livekit.plugins.{name}", raising=False)


def replace_in(source: str, before: str, after: str) -> str:
    """Replace a part of a plugin's source, which must contain the part."""
    assert before in source
    return source.replace(before, after)
