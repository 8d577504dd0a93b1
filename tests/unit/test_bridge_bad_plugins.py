"""Plugins that misbehave: a clear error each, nothing is left behind, and the agent speaks."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit.agents.voice.avatar import DataStreamAudioOutput

import avatar_core
from avatar_core import (
    AvatarSettings,
    AvatarState,
    ConfigError,
    ProviderLoadError,
    ProviderNotFoundError,
    SettingsError,
    UnsupportedCommandError,
    create_avatar,
)
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from tests.support.plugin_arguments import KEY, PLUGINS, PluginCase
from tests.support.plugin_site import BASE, PluginSite, replace_in

pytestmark = pytest.mark.virtual_time

SETTINGS = AvatarSettings(retries=0, provision_timeout_s=3.0, join_timeout_s=3.0)
START = '        self.session_id = "s-1"'


@pytest.fixture(autouse=True)
def _own_class_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the handlers that unmodified plugins of other tests have left in livekit-agents."""
    for name in ("_playback_finished_handlers", "_playback_started_handlers"):
        monkeypatch.setattr(DataStreamAudioOutput, name, {})


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


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


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("raise OSError('no library')", ProviderLoadError, "importing .* raised OSError"),
        ("import nowhere_at_all", ProviderLoadError, "needs the module nowhere_at_all"),
        ("class AvatarSession:\n    pass", ProviderLoadError, "too old"),
        (
            BASE.replace("avatar_participant_identity", "identity_of_old"),
            ProviderLoadError,
            "no parameter avatar_participant_identity",
        ),
        (
            replace_in(BASE, "super().__init__()", "raise ValueError('set ACME_API_KEY')"),
            SettingsError,
            "set ACME_API_KEY",
        ),
    ],
    ids=["import", "requirement", "no-base", "old", "constructor"],
)
def test_unusable_plugin_raises_before_a_session_starts(
    plugins: PluginSite, source: str, error: type[Exception], message: str
) -> None:
    plugins.add("unusable", source)
    with pytest.raises(error, match=message):
        create_avatar("livekit:unusable", livekit=IN_MEMORY)


def test_missing_plugin_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hidden:
        hidden.setattr(importlib.import_module("livekit.plugins"), "__path__", [])
        hidden.delitem(sys.modules, "livekit.plugins.spatius", raising=False)
        with pytest.raises(ProviderNotFoundError, match="pip install livekit-plugins-spatius"):
            create_avatar("livekit:spatius")
    with pytest.raises(ProviderNotFoundError, match=r"Installed plugins: .*anam"):
        create_avatar("livekit:acme")


@pytest.mark.parametrize("plugin", ["hedra", "humanlike", "avatartalk", "facemode"])
def test_unsupported_plugin_is_refused_with_the_reason(plugin: str) -> None:
    with pytest.raises(ConfigError, match=r"does not support this plugin: .+"):
        create_avatar(f"livekit:{plugin}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[1]", "must be a JSON object"),
        ("{", "must be a JSON object"),
        ('{"person_config": {}}', "no argument person_config.*persona_config"),
        ("", "needs the argument persona_config"),
        ('{"persona_config": {"name": "A"}}', "avatarId"),
        ('{"persona_config": {"name": "A", "avatarId": "f", "mood": 1}}', "no field mood"),
        ('{"persona_config": {"name": 3, "avatarId": "f"}}', "persona_config.name"),
        ('{"conn_options": {}}', "no argument conn_options"),
    ],
)
def test_invalid_arguments_raise_an_error_without_their_values(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    monkeypatch.setenv("ANAM_API_KEY", KEY)
    monkeypatch.setenv("AVATAR_LIVEKIT_ANAM", value)
    with pytest.raises(SettingsError) as raised:
        create_avatar("livekit:anam")
    assert re.search(message, str(raised.value)), str(raised.value)
    assert KEY not in str(raised.value)


def test_secret_of_the_arguments_is_not_quoted(
    plugins: PluginSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins.add("leaky", replace_in(BASE, "super().__init__()", "raise ValueError(f'bad {face}')"))
    monkeypatch.setenv("AVATAR_LIVEKIT_LEAKY", f'{{"face": "{KEY}"}}')
    with pytest.raises(SettingsError) as raised:
        create_avatar("livekit:leaky")
    assert KEY not in repr(raised.value)
    assert "ValueError" in str(raised.value)


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


def test_every_plugin_of_the_matrix_is_listed_without_an_import() -> None:
    from avatar_core.agents.bridge.installed import list_installed

    listed = {one.name for one in list_installed()}
    assert {case.name.replace("-", "_") for case in PLUGINS} <= listed


@pytest.mark.parametrize("case", PLUGINS, ids=str)
def test_check_of_the_arguments_creates_no_http_client(
    case: PluginCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.set_up(monkeypatch)
    created: list[object] = []
    monkeypatch.setattr(
        aiohttp.ClientSession, "__init__", lambda *_, **__: created.append("a client")
    )
    create_avatar(f"livekit:{case.name}", livekit=IN_MEMORY)
    assert created == []
