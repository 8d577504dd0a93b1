"""Unmodified plugins of LiveKit in a conversation, against vendors in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core import AvatarSettings, AvatarState, create_avatar
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from tests.support.plugin_arguments import PLUGINS, PluginCase
from tests.support.recording_vendor import RecordingVendor, Token, VendorWorker
from tests.support.vendor_workers import SdkWorker, SocketWorker, StockWorker

pytestmark = pytest.mark.virtual_time

SETTINGS = AvatarSettings(retries=0)
"""With no retries, a lost avatar is replaced by the voice, so one session is provisioned."""


MOST_S = 120.0
"""Virtual seconds of one conversation."""


def start_in(rooms: dict[str, MemoryRoom], vendor_of: list[RecordingVendor]) -> Any:
    async def start_worker(token: Token) -> VendorWorker:
        room = rooms[token.room]
        if token.identity.startswith("livekit-liveavatar"):
            worker = SocketWorker.join(room, token)
            vendor_of[0].socket = lambda _: worker
            return worker
        if token.identity.startswith("livekit-spatius"):
            return SdkWorker.join(room, token)
        return await StockWorker.start(room, token)

    return start_worker


@pytest_asyncio.fixture
async def rooms() -> dict[str, MemoryRoom]:
    return {"memory": MemoryRoom()}


@pytest_asyncio.fixture
async def vendor(
    rooms: dict[str, MemoryRoom], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RecordingVendor]:
    box: list[RecordingVendor] = []
    vendor = RecordingVendor(start_in(rooms, box))
    box.append(vendor)
    vendor.install(monkeypatch)
    yield vendor
    await vendor.aclose()


def heard_from(room: MemoryRoom, since_s: float) -> set[str]:
    """Return the identities whose sound a listener heard since a time."""
    return {run.identity for run in room.recording.runs if run.at_s >= since_s}


@pytest.fixture(autouse=True)
def _own_class_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the handlers that unmodified plugins of other tests have left in livekit-agents."""
    for name in ("_playback_finished_handlers", "_playback_started_handlers"):
        monkeypatch.setattr(DataStreamAudioOutput, name, {})


def class_state() -> list[dict[str, Any]]:
    return [
        DataStreamAudioOutput._playback_finished_handlers,
        DataStreamAudioOutput._playback_started_handlers,
    ]


IN_GATE = {"anam", "keyframe", "liveavatar"}
"""One plugin for each kind of audio output: LiveKit's own, a class derived from it, and a queue."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case.name in IN_GATE else pytest.mark.slow)
        for case in PLUGINS
        if case.in_memory
    ],
    ids=str,
)
async def test_plugin_speaks_is_interrupted_and_is_replaced_by_the_voice(
    case: PluginCase,
    vendor: RecordingVendor,
    rooms: dict[str, MemoryRoom],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case.set_up(monkeypatch, vendor)
    room = rooms["memory"]
    avatar = create_avatar(f"livekit:{case.name}", livekit=IN_MEMORY, settings=SETTINGS)
    async with asyncio.timeout(MOST_S), Conversation(avatar, room) as talk:
        await avatar.wait_for_join()
        assert avatar.last_error is None
        identity = avatar.avatar_identity
        assert avatar.provider == f"livekit:{case.name}"
        spoken = await talk.over(talk.say(5))
        assert heard_from(room, spoken.said_at) == {identity}
        cut = talk.say(8)
        await talk.interrupt_at(cut, 3)
        await talk.over(cut)
        last = talk.say(9)
        await talk.until_heard(last, 3)
        assert vendor.ended == []
        await vendor.workers[0].kill()
        await talk.over(last)
        assert heard_from(room, last.said_at) == {identity, "agent"}
        assert talk.faults() == []
        assert avatar.state is AvatarState.VOICE
    assert vendor.created == 1
    assert bool(vendor.ended) is case.ends
    assert class_state() == [{}, {}]


async def test_two_rooms_stay_apart_and_sessions_leave_no_class_state(
    vendor: RecordingVendor, rooms: dict[str, MemoryRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in PLUGINS:
        if case.name in ("keyframe", "anam"):
            case.set_up(monkeypatch, vendor)
    rooms["other"] = MemoryRoom("other")
    for plugin in ("keyframe", "anam", "keyframe"):
        first = create_avatar(f"livekit:{plugin}", livekit=IN_MEMORY, settings=SETTINGS)
        second = create_avatar(f"livekit:{plugin}", livekit=IN_MEMORY, settings=SETTINGS)
        async with (
            asyncio.timeout(MOST_S),
            Conversation(first, rooms["memory"]) as one,
            Conversation(second, rooms["other"]) as two,
        ):
            await first.wait_for_join()
            await second.wait_for_join()
            turns = one.say(3), two.say(["sierra", "tango"])
            await one.over(turns[0])
            await two.over(turns[1])
            assert heard_from(rooms["memory"], turns[0].said_at) == {first.avatar_identity}
            assert heard_from(rooms["other"], turns[1].said_at) == {second.avatar_identity}
            assert [*one.faults(), *two.faults()] == []
        assert class_state() == [{}, {}]
    assert vendor.created == 6


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if case.name == "liveavatar" else pytest.mark.slow)
        for case in PLUGINS
        if case.ends and case.in_memory
    ],
    ids=str,
)
async def test_closed_avatar_ends_its_session_while_the_agent_continues(
    case: PluginCase,
    vendor: RecordingVendor,
    rooms: dict[str, MemoryRoom],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case.set_up(monkeypatch, vendor)
    avatar = create_avatar(f"livekit:{case.name}", livekit=IN_MEMORY, settings=SETTINGS)
    async with asyncio.timeout(MOST_S), Conversation(avatar, rooms["memory"]) as talk:
        await avatar.wait_for_join()
        identity = avatar.avatar_identity
        await avatar.aclose()
        assert vendor.ended
        assert identity not in rooms["memory"].members
        turn = await talk.over(talk.say(3))
        assert heard_from(rooms["memory"], turn.said_at) == {"agent"}
        assert talk.faults() == []
