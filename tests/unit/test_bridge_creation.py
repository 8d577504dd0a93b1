"""Plugins that cannot be used: `create_avatar` raises a clear error, before a session starts."""

from __future__ import annotations

import importlib
import re
import sys

import aiohttp
import pytest

from avatar_core import (
    ConfigError,
    ProviderLoadError,
    ProviderNotFoundError,
    SettingsError,
    create_avatar,
)
from avatar_core.testing.room.context import IN_MEMORY
from tests.support.plugin_arguments import KEY, PLUGINS, PluginCase
from tests.support.plugin_site import BASE, PluginSite, replace_in

pytestmark = pytest.mark.virtual_time


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
