"""`create_avatar` without a LiveKit server, as in console mode and in a room in memory."""

from __future__ import annotations

import pytest
from livekit import rtc
from livekit.agents import AgentSession

import avatar_core
from avatar_core import SettingsError
from avatar_core.contracts.events import AvatarState
from avatar_core.testing.conversation import Conversation

NAMES = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("empty", [False, True])
async def test_console_mode_needs_no_server(empty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if empty:
        for name in NAMES:
            monkeypatch.setenv(name, "")
    avatar = avatar_core.create_avatar("mock")
    session: AgentSession[None] = AgentSession()
    await avatar.start(session, room=None)
    assert avatar.state is AvatarState.NEW
    assert session.output.audio is None
    await avatar.aclose()


@pytest.mark.virtual_time
async def test_room_in_memory_needs_no_server() -> None:
    avatar = avatar_core.create_avatar("mock")
    async with Conversation(avatar) as conversation:
        await avatar.wait_for_join()
        assert avatar.provider == "mock"
        await conversation.over(conversation.say(3))
        assert conversation.faults() == []


async def test_start_in_a_livekit_room_raises_with_the_names_of_missing_variables() -> None:
    avatar = avatar_core.create_avatar("mock")
    session: AgentSession[None] = AgentSession()
    with pytest.raises(SettingsError, match="LIVEKIT_API_KEY: is not set"):
        await avatar.start(session, room=rtc.Room())
    assert session.output.audio is None
    assert avatar.state is AvatarState.NEW


async def test_voice_alone_needs_no_server_in_a_livekit_room() -> None:
    avatar = avatar_core.create_avatar("voice")
    await avatar.start(AgentSession(), room=rtc.Room())
    await avatar.aclose()


def test_create_avatar_raises_for_an_invalid_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "no server")
    with pytest.raises(SettingsError, match="LIVEKIT_URL"):
        avatar_core.create_avatar("mock")
