"""Settings come from arguments or the environment, and errors contain no value."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core.contracts.errors import SettingsError
from avatar_core.settings import AvatarSettings, LiveKitSettings, ProviderSettings

SECRET = "sk-5ecret"


class Vendor(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="VENDOR_")
    provider = "vendor"

    key: SecretStr
    size: int = 1
    mode: Literal["fast", "good"] = "fast"
    terms: list[str] = Field(default_factory=list)
    face: str = Field(default="", validation_alias=AliasChoices("VENDOR_FACE", "VENDOR_REPLICA"))


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "API_KEY", "API_SECRET"):
        monkeypatch.delenv(f"LIVEKIT_{name}", raising=False)
    for name in ("PROVIDER", "REQUIRED", "PROVISION_TIMEOUT_S", "JOIN_TIMEOUT_S"):
        monkeypatch.delenv(f"AVATAR_{name}", raising=False)


def test_avatar_provider_is_unset_and_not_required_by_default() -> None:
    settings = AvatarSettings.load()
    assert settings.provider is None
    assert not settings.required


def test_argument_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "one")
    assert AvatarSettings.load().provider == "one"
    assert AvatarSettings.load(provider="two").provider == "two"


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "")
    assert AvatarSettings.load().provider is None


def test_alias_of_a_variable_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_REPLICA", "old")
    assert Vendor.load(key="k").face == "old"
    assert Vendor.load(key="k", face="new").face == "new"
    assert Vendor.variable_of("face") == "VENDOR_FACE"
    assert Vendor.variable_of("size") == "VENDOR_SIZE"
    assert Vendor.variable_of("unheard_of") == "unheard_of"


def test_error_names_all_missing_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        LiveKitSettings.load()
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        assert name in str(caught.value)


@pytest.mark.parametrize("variable", ["VENDOR_SIZE", "VENDOR_MODE", "VENDOR_TERMS"])
def test_error_and_its_causes_contain_no_value(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("VENDOR_KEY", SECRET)
    monkeypatch.setenv(variable, SECRET)
    with pytest.raises(SettingsError) as caught:
        Vendor.load()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert variable.removeprefix("VENDOR_").lower() in shown.lower()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_unknown_setting_raises_settings_error() -> None:
    with pytest.raises(SettingsError, match="colour"):
        Vendor.load(key="k", colour="red")


def test_constructor_raises_the_same_error_as_load() -> None:
    wrong: dict[str, Any] = {"key": SECRET, "siez": 2}
    with pytest.raises(SettingsError) as caught:
        Vendor(**wrong)
    assert str(caught.value).startswith("vendor: siez: there is no such setting. Did you ")
    assert "mean size?" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SettingsError) as loaded:
        Vendor.load(**wrong)
    assert str(loaded.value) == str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("VENDOR_SZE", "VENDOR_SIZE"), ("vendor_modee", "VENDOR_MODE"), ("VENDOR_KEYS", "VENDOR_KEY")],
)
def test_misspelt_variable_raises_an_error_with_both_names(
    wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wrong, SECRET)
    values = {} if right == "VENDOR_KEY" else {"key": "k"}
    with pytest.raises(SettingsError) as caught:
        Vendor.load(**values)
    assert wrong in str(caught.value)
    assert right in str(caught.value)
    assert str(caught.value).count(wrong) == 1
    assert SECRET not in str(caught.value)


def test_similar_variable_is_ignored_if_the_correct_setting_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VENDOR_KEY", "k")
    monkeypatch.setenv("VENDOR_KEY2", "another")
    monkeypatch.setenv("VENDOR_MODEL", "")
    assert Vendor.load().key.get_secret_value() == "k"
    monkeypatch.delenv("VENDOR_KEY")
    assert Vendor.load(key="given").key.get_secret_value() == "given"
    with pytest.raises(SettingsError, match="VENDOR_KEY2"):
        Vendor.load()


class Faces(ProviderSettings):
    """Settings with names of several words."""

    model_config = SettingsConfigDict(env_prefix="FACES_")
    provider = "faces"

    api_key: SecretStr = SecretStr("k")
    api_url: str = ""
    face_id: str | None = None


def test_variable_without_its_last_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACES_FACE", SECRET)
    with pytest.raises(SettingsError, match=r"FACES_FACE: .* Did you mean FACES_FACE_ID") as caught:
        Faces.load()
    assert SECRET not in str(caught.value)
    monkeypatch.setenv("FACES_FACE_ID", "f1")
    assert Faces.load().face_id == "f1"


@pytest.mark.parametrize(
    "name", ["FACES_API", "FACES_", "FACES", "FACES_FACE_ID_OLD", "FACES_HOME", "FACES_FAC"]
)
def test_variable_of_another_tool_of_the_vendor_is_ignored(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "x")
    assert Faces.load().face_id is None


def test_repr_hides_secrets() -> None:
    assert SECRET not in repr(Vendor.load(key=SECRET))


@pytest.mark.parametrize("url", ["ws://127.0.0.1:7880", " wss://x.livekit.cloud ", "https://h"])
def test_valid_livekit_url_is_accepted_and_stripped(url: str) -> None:
    assert LiveKitSettings.load(url=url, api_key="k", api_secret="s").url == url.strip()


@pytest.mark.parametrize(
    ("url", "ws_url", "http_url"),
    [
        ("https://x.livekit.cloud", "wss://x.livekit.cloud", "https://x.livekit.cloud"),
        ("http://127.0.0.1:7880", "ws://127.0.0.1:7880", "http://127.0.0.1:7880"),
        ("wss://x.livekit.cloud", "wss://x.livekit.cloud", "https://x.livekit.cloud"),
        ("ws://[::1]:7880/rtc", "ws://[::1]:7880/rtc", "http://[::1]:7880/rtc"),
        ("HTTPS://http.Example", "wss://http.Example", "https://http.Example"),
        ("WSS://ws.example", "wss://ws.example", "https://ws.example"),
    ],
)
def test_livekit_url_has_a_form_for_workers_and_one_for_the_api(
    url: str, ws_url: str, http_url: str
) -> None:
    settings = LiveKitSettings.load(url=url, api_key="k", api_secret="s")
    assert (settings.url, settings.ws_url, settings.http_url) == (url, ws_url, http_url)


@pytest.mark.parametrize(
    "url",
    [
        "x.livekit.cloud",
        "ftp://h",
        "ws://",
        f"wss://user:{SECRET}@h",
        f"wss://h?token={SECRET}",
        f"wss://user:{SECRET}℀@h",
        f"wss://[{SECRET}",
    ],
)
def test_invalid_livekit_url_raises_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="LIVEKIT_URL") as caught:
        LiveKitSettings.load(url=url, api_key="k", api_secret="s")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", ["", " k", "k\n", "k\x00"])
@pytest.mark.parametrize("field", ["api_key", "api_secret"])
def test_invalid_livekit_key_or_secret_raises_settings_error(field: str, value: str) -> None:
    values: dict[str, Any] = {"url": "ws://h", "api_key": "k", "api_secret": "s", field: value}
    with pytest.raises(SettingsError, match=f"LIVEKIT_{field.upper()}"):
        LiveKitSettings.load(**values)


@pytest.mark.parametrize("value", [0, -1, 601, float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["provision_timeout_s", "join_timeout_s"])
def test_timeout_out_of_range_raises_settings_error(field: str, value: float) -> None:
    with pytest.raises(SettingsError):
        AvatarSettings.load(**{field: value})


def test_tilde_in_the_ledger_path_is_expanded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AVATAR_LEDGER", "~/x")
    assert AvatarSettings.load().ledger == tmp_path / "x"
    with pytest.raises(SettingsError, match="AVATAR_LEDGER: The path begins with `~` or `~name`"):
        AvatarSettings.load(ledger="~nobody-of-that-name/x")


def test_settings_are_frozen() -> None:
    with pytest.raises(SettingsError, match="AVATAR_PROVIDER: settings cannot be changed"):
        AvatarSettings.load().provider = "x"


@pytest.mark.parametrize(
    ("variable", "value", "mention"),
    [
        ("AVATAR_NAME", "é" * 129, "at most 256 bytes"),
        ("AVATAR_ATTRIBUTES", "role=tutor", "must be JSON"),
        ("AVATAR_ATTRIBUTES", '["role"]', "must be a valid dictionary"),
        ("AVATAR_ATTRIBUTES", '{"level": 3}', "must be a valid string"),
        ("AVATAR_ATTRIBUTES", '{"lk.publish_on_behalf": "user"}', "begin with lk. are reserved"),
        ("AVATAR_ATTRIBUTES", '{"lk.agent.state": "x"}', "begin with lk. are reserved"),
        ("AVATAR_ATTRIBUTES", f'{{"a": "{"x" * 20_000}"}}', "at most 16384 bytes"),
    ],
)
def test_invalid_name_or_attributes_raise_settings_error(
    variable: str, value: str, mention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"{variable}: .*{mention}"):
        AvatarSettings.load()
