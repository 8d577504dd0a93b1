"""The Tavus simulator runs conversations with and without video in a room in memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from avatar_provider_tavus import TavusProvider, TavusSettings
from avatar_provider_tavus.simulator import api, server

from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


def room_of(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Read the room from the token as the simulator does; a room in memory has no JWT."""
    return properties["livekit_ws_url"], properties["livekit_room_token"].strip()


@pytest.mark.parametrize(("audio_only", "tracks"), [(True, {"audio"}), (None, {"audio", "video"})])
async def test_avatar_speaks_with_and_without_video(
    audio_only: bool | None, tracks: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = MemoryRoom()

    async def start(renderer: str, *, livekit_url: str, **how: Any) -> Mapping[str, Any]:
        return await start_faulty_task(room, renderer, **how)

    monkeypatch.setattr(api, "room_of", room_of)
    tavus = server.Simulator(face=server.FLASH, start=start)
    cls = type("TavusProvider", (TavusProvider,), {"transport": tavus.transport})
    load = partial(TavusSettings.load, api_key=server.KEY, api_url="http://127.0.0.1:1/v2")
    harness = FailoverHarness(room, cls(load(audio_only=audio_only)))
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert lease is not None, harness.controller.last_error
    assert room.members[lease.avatar.identity].tracks == tracks
    assert await harness.say(1.0) == (pytest.approx(1.0, abs=0.05), False)
    await harness.close()
    assert not tavus.account.active
    await tavus.aclose()
