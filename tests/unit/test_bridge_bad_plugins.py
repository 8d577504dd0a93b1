"""Plugins that misbehave: a clear error each, nothing is left behind, and the agent speaks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents.voice.avatar import DataStreamAudioOutput

import avatar_core
from avatar_core import (
    AvatarSettings,
    AvatarState,
    UnsupportedCommandError,
    create_avatar,
)
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from tests.support.plugin_site import BASE, PluginSite, replace_in

pytestmark = pytest.mark.virtual_time

SETTINGS = AvatarSettings(retries=0, provision_timeout_s=3.0, join_timeout_s=3.0)
START = '        self.session_id = "s-1"'


@pytest.fixture(autouse=True)
def _own_class_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the handlers that unmodified plugins of other tests have left in livekit-agents."""
    for name in ("_playback_finished_handlers", "_playback_started_handlers"):
        monkeypatch.setattr(DataStreamAudioOutput, name, {})


def before_start(source: str) -> str:
    return replace_in(BASE, START, f"{source}\n{START}")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (before_start("        raise RuntimeError('broken')"), "RuntimeError"),
        (before_start("        await asyncio.sleep(3600)"), "within"),
        (before_start("        return"), "returned without an avatar"),
        (
            before_start(
                "        for _ in range(2):\n"
                "            agent_session.output.replace_audio_tail(\n"
                "                DataStreamAudioOutput(room, destination_identity='x'))\n"
            ),
            "replaced the audio output 3 times",
        ),
        (
            before_start(
                "        try:\n"
                "            await asyncio.sleep(3600)\n"
                "        except asyncio.CancelledError:\n"
                "            await asyncio.sleep(0.5)\n"
            ),
            "within",
        ),
        (
            before_start(
                "        for number in range(500):\n"
                "            agent_session.on('close', lambda _, n=number: None)\n"
                "            room.local_participant.register_rpc_method(f'x{number}', str)\n"
                "        raise RuntimeError('too much')"
            ),
            "RuntimeError",
        ),
        (BASE + "\n    async def aclose(self):\n        await asyncio.sleep(3600)\n", "join"),
        (BASE + "\n    async def aclose(self):\n        raise KeyError('x')\n", "join"),
        (
            replace_in(
                BASE, "class AvatarSession(Base):", "class AvatarSession(Base):\n    KEPT = {}"
            )
            + "        type(self).KEPT[self.avatar_identity] = self\n",
            "join",
        ),
    ],
    ids=[
        "start-raises",
        "start-hangs",
        "no-avatar",
        "two-outputs",
        "start-ignores-cancel",
        "registers-forever",
        "aclose-hangs",
        "aclose-raises",
        "class-dict",
    ],
)
async def test_agent_speaks_with_its_voice_when_a_plugin_fails(
    plugins: PluginSite, source: str, error: str
) -> None:
    plugins.add("misbehaved", source)
    room = MemoryRoom()
    avatar = create_avatar("livekit:misbehaved", livekit=IN_MEMORY, settings=SETTINGS)
    async with asyncio.timeout(60), Conversation(avatar, room) as talk:
        listeners = {name: len(handlers) for name, handlers in talk.session._events.items()}
        await talk.over(talk.say(3))
        await avatar.wait_for_join()
        assert avatar.state is AvatarState.VOICE
        assert error in str(avatar.last_error)
        assert talk.faults() == []
        await asyncio.sleep(5.0)
        after = {name: len(handlers) for name, handlers in talk.session._events.items()}
        assert all(after.get(name, 0) <= count for name, count in listeners.items())
        assert not any(name.startswith("x") for name in room.agent().subscriptions)
    assert not DataStreamAudioOutput._playback_finished_handlers


async def test_avatar_under_another_identity_is_removed(plugins: PluginSite) -> None:
    plugins.add("misbehaved")
    room = MemoryRoom()
    avatar = create_avatar("livekit:misbehaved", livekit=IN_MEMORY, settings=SETTINGS)
    async with asyncio.timeout(60), Conversation(avatar, room) as talk:
        room.join("stock-avatar", is_agent=True, attributes={"lk.publish_on_behalf": "agent"})
        await room.members["stock-avatar"].link.publish_video(64, 64, 25.0, name="v")
        await avatar.wait_for_join()
        assert "joined as stock-avatar" in str(avatar.last_error)
        await talk.over(talk.say(2))
        await asyncio.sleep(3.0)
        assert "stock-avatar" not in room.members


async def test_plugin_in_code_starts_once_for_each_avatar(plugins: PluginSite) -> None:
    plugins.add(
        "fine",
        BASE + "\n    async def set_mood(self, mood):\n        type(self).mood = mood\n",
    )
    from livekit.plugins import fine  # type: ignore[attr-defined]

    made: list[Any] = []

    def factory() -> Any:
        made.append(fine.AvatarSession(face="g"))
        return made[-1]

    room = MemoryRoom()
    avatar = create_avatar(
        avatar_core.plugin(factory, name="fine"), livekit=IN_MEMORY, settings=SETTINGS
    )
    async with asyncio.timeout(60), Conversation(avatar, room) as talk:
        identity = made[0].avatar_identity
        assert identity.startswith("livekit-fine-avatar-")
        link = room.join(identity, is_agent=True, attributes={"lk.publish_on_behalf": "agent"})
        await link.publish_video(64, 64, 25.0, name="v")
        await avatar.wait_for_join()
        assert avatar.provider == "livekit:fine"
        await avatar.control("set_mood", mood="calm")
        assert fine.AvatarSession.mood == "calm"
        with pytest.raises(UnsupportedCommandError, match="set_mood"):
            await avatar.control("dance")
        with pytest.raises(UnsupportedCommandError, match="arguments"):
            await avatar.control("set_mood", colour="red")
        assert talk.session is not None
    assert len(made) == 1


async def test_object_that_is_started_twice_is_refused_and_the_voice_continues(
    plugins: PluginSite,
) -> None:
    plugins.add(
        "shared",
        BASE.replace("class AvatarSession(Base):", "class AvatarSession(Base):\n    starts = 0")
        + "        type(self).starts += 1\n",
    )
    from livekit.plugins import shared  # type: ignore[attr-defined]

    stock = shared.AvatarSession()
    room = MemoryRoom()
    avatar = create_avatar(
        avatar_core.plugin(lambda: stock, name="shared"),
        livekit=IN_MEMORY,
        settings=SETTINGS.model_copy(update={"retries": 1}),
    )
    async with asyncio.timeout(60), Conversation(avatar, room) as talk:
        first = stock.avatar_identity
        link = room.join(first, is_agent=True, attributes={"lk.publish_on_behalf": "agent"})
        await link.publish_video(64, 64, 25.0, name="v")
        await avatar.wait_for_join()
        room.remove(first)
        await talk.over(talk.say(3))
        await avatar.wait_for_join()
        assert avatar.state is AvatarState.VOICE
        assert "the same object twice" in str(avatar.last_error)
        assert talk.faults() == []
    assert shared.AvatarSession.starts == 1
    assert not DataStreamAudioOutput._playback_finished_handlers
