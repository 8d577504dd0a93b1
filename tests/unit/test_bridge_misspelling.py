"""A misspelt variable of a LiveKit plugin is named; variables of others raise no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core import SettingsError, create_avatar
from avatar_core.testing.room.context import IN_MEMORY
from tests.support.plugin_site import PluginSite

SECRET = "a-value-that-no-message-may-quote"


@pytest.fixture(autouse=True)
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the plugins `smiley` and `tall_face`, whose only argument is `face`."""
    site = PluginSite(tmp_path, monkeypatch)
    site.add("smiley")
    site.add("tall_face")


@pytest.mark.parametrize(
    ("plugin", "variable", "meant"),
    [
        ("smiley", "AVATAR_LIVEKIT_SMIELY", "AVATAR_LIVEKIT_SMILEY"),
        ("smiley", "AVATAR_LIVEKIT_SMILE", "AVATAR_LIVEKIT_SMILEY"),
        ("smiley", "avatar_livekit_smiley", "AVATAR_LIVEKIT_SMILEY"),
        ("smiley", "AVATAR_LVEKIT_SMILEY", "AVATAR_LIVEKIT_SMILEY"),
        ("smiley", "AVATAR_LIVEKIT_SMILEY__FCAE", "AVATAR_LIVEKIT_SMILEY"),
        ("smiley", "AVATAR_LIVEKIT_SMILEY_FACE", "AVATAR_LIVEKIT_SMILEY"),
        ("tall-face", "AVATAR_LIVEKIT_TALL", "AVATAR_LIVEKIT_TALL_FACE"),
        ("tall-face", "AVATAR_LIVEKIT_TALL-FACE", "AVATAR_LIVEKIT_TALL_FACE"),
    ],
)
def test_misspelt_variable_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, plugin: str, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, SECRET)
    with pytest.raises(SettingsError, match=f"Did you mean {meant}") as raised:
        create_avatar(f"livekit:{plugin}", livekit=IN_MEMORY)
    assert f"{variable}: there is no such setting" in str(raised.value)
    assert SECRET not in repr(raised.value)


@pytest.mark.parametrize(
    "variable",
    [
        "AVATAR_LIVEKIT_TALL_FACE",
        "AVATAR_LIVEKIT_TAL_FACE",
        "AVATAR_LIVEKIT_SIMLI",
        "AVATAR_LIVEKIT_ACME",
        "AVATAR_LIVEKIT_SMILEY_FILE",
        "LIVEKIT_URL",
        "LIVEKIT_API_KEY",
        "SMILEY_API_KEY",
        "AVATAR_SMILEY_FACE",
    ],
)
def test_variable_of_another_program_or_plugin_raises_no_error(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "wss://livekit.example" if "URL" in variable else "{}")
    create_avatar("livekit:smiley", livekit=IN_MEMORY)
