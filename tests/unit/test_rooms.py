"""The session context of an agent in a room of a LiveKit server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from avatar_core.agents import rooms
from avatar_core.provisioning.lease import Lease
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time

HTTPS = LiveKitSettings.load(url="https://x.livekit.cloud", api_key="key", api_secret="s" * 40)


@pytest_asyncio.fixture
async def session_context(room: MemoryRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a function like `session_context`, for an agent in a room in memory."""
    link = room.agent()
    monkeypatch.setattr(rooms, "link_for", lambda _: link)
    monkeypatch.setenv("AVATAR_LEDGER", str(tmp_path))
    return partial(rooms.session_context, object())


async def test_provider_receives_a_ws_url_if_livekit_url_is_http(
    session_context: Any, room: MemoryRoom, tmp_path: Path
) -> None:
    context = session_context(AvatarSettings.load(ledger=tmp_path), HTTPS)
    urls: list[str] = []
    provider = ScriptedProvider(room)
    provision = provider.provision

    async def note(request: Any) -> Any:
        urls.append(request.livekit_url)
        return await provision(request)

    provider.provision = note  # type: ignore[method-assign]
    lease = await Lease.provision(provider, context)
    assert urls == ["wss://x.livekit.cloud"]
    assert context.start_worker.livekit_url == "wss://x.livekit.cloud"
    await lease.release("the test is over")
    await context.releaser.aclose()
