"""The selection parses one value and resolves it to a chain of providers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_settings import SettingsConfigDict

from avatar_core.contracts.errors import ConfigError, ProviderNotFoundError, SettingsError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Candidate, Choice, Item, parse_chain, resolve
from avatar_core.settings import AvatarSettings, ProviderSettings

VOICE = Candidate("voice", "", None)
UNSET = AvatarSettings.model_construct(provider=None)


class OneSettings(ProviderSettings):
    provider = "one"
    variant: str = ""


class One(AvatarProvider[Any]):
    name = "one"
    api_version = (1, 0)
    settings_cls: type[Any] = OneSettings

    async def provision(self, request: Any) -> Any:
        raise AssertionError("No test calls this method.")

    async def release(self, avatar: Any, reason: str) -> None:
        raise AssertionError("No test calls this method.")


class TwoSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="SELECTION_TWO_")
    provider = "two"
    key: str


class Two(One):
    name = "two"
    settings_cls = TwoSettings


@pytest.fixture
def registry() -> ProviderRegistry:
    made = ProviderRegistry()
    made.register("one", One)
    made.register("two", Two)
    return made


def names(chain: tuple[Candidate, ...]) -> list[str]:
    return [candidate.name for candidate in chain]


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        ("one", (Choice("one"),)),
        (" one , two:tall ", (Choice("one"), Choice("two", "tall"))),
        ("voice", (Choice("voice"),)),
        ("one,voice", (Choice("one"), Choice("voice"))),
        ("livekit:bey,one", (Choice("livekit", "bey"), Choice("one"))),
        ("my_face-2:p-1.b/c@3", (Choice("my_face-2", "p-1.b/c@3"),)),
    ],
)
def test_parse_chain_returns_names_and_variants(text: str, chain: tuple[Choice, ...]) -> None:
    assert parse_chain(text) == chain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("one,,two", "empty"),
        ("one,", "empty"),
        ("one two", "'one two'"),
        ("one:", "'one:'"),
        (":tall", "':tall'"),
        ("one:a:b", "'one:a:b'"),
        ("o\nne", r"o\\nne"),
        ("öne", "'öne'"),
        ("one,two,one", "'one' appears twice"),
        ("one:a,one:a", "'one:a' appears twice"),
        ("voice,one", "'one' follows 'voice'"),
        ("voice,voice", "twice"),
        ("voice:low", "no variants"),
        ("livekit", "does not name a LiveKit plugin"),
    ],
)
def test_parse_chain_error_describes_the_invalid_item(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_chain(text)


@given(st.text())
def test_parse_chain_returns_a_chain_or_raises_config_error(text: str) -> None:
    try:
        chain = parse_chain(text)
    except ConfigError:
        return
    written = ",".join(f"{c.name}:{c.variant}" if c.variant else c.name for c in chain)
    assert parse_chain(written) == chain


@pytest.mark.parametrize("choice", [None, "", "  ", []])
def test_error_for_an_empty_choice_lists_the_installed_providers(
    choice: Any, registry: ProviderRegistry
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(choice, registry, UNSET)
    text = str(caught.value)
    listed = text.partition("Available providers: ")[2].partition(".")[0].split(", ")
    assert {"one", "two"} <= set(listed)
    assert listed[-1] == "voice"
    assert "AVATAR_PROVIDER" in text


def test_provider_setting_is_used_if_code_names_no_provider(registry: ProviderRegistry) -> None:
    settings = AvatarSettings(provider="one:tall")
    chain = resolve(None, registry, settings)
    assert names(chain) == ["one", "voice"]
    assert chain[0].variant == "tall"
    assert chain[0].provider is not None
    assert chain[0].provider.settings == OneSettings(variant="tall")
    assert resolve("voice", registry, settings) == (VOICE,)


@pytest.mark.parametrize("choice", ["one", "one,voice", ["one"], ["one", "voice"], OneSettings()])
def test_voice_is_always_the_last_item_of_the_chain(
    choice: Item, registry: ProviderRegistry
) -> None:
    chain = resolve(choice, registry, UNSET)
    assert names(chain) == ["one", "voice"]
    assert chain[-1] == VOICE


def test_chain_may_mix_settings_providers_and_names(registry: ProviderRegistry) -> None:
    class Three(One):
        name = "three"

    settings, provider = TwoSettings(key="k"), Three(OneSettings())
    chain = resolve([settings, provider, "one:tall"], registry, UNSET)
    assert names(chain) == ["two", "three", "one", "voice"]
    assert chain[0].provider is not None
    assert chain[0].provider.settings is settings
    assert chain[1].provider is provider


def test_configuration_errors_raise_before_provisioning(
    registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SELECTION_TWO_KEY", raising=False)
    with pytest.raises(SettingsError, match="two: SELECTION_TWO_KEY"):
        resolve("one,two", registry, UNSET)
    with pytest.raises(ProviderNotFoundError, match=r"'tow'.*Did you mean 'two'"):
        resolve("one,tow", registry, UNSET)
    monkeypatch.setenv("SELECTION_TWO_KEY", "k")
    with pytest.raises(ConfigError, match=r"two: .*'tall'"):
        resolve("one,two:tall", registry, UNSET)


class HomelessSettings(ProviderSettings):
    pass


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ([3], "object of type int"),
        (["one,two"], "'one,two'"),
        (["one", OneSettings()], "twice"),
        ("one:a,one:a", "'one:a' appears twice"),
        ("livekit:acme,livekit:acme", "'livekit:acme' appears twice"),
        (["voice", "one"], "follows 'voice'"),
        ([HomelessSettings()], "HomelessSettings does not name its provider"),
        ("livekit:acme", "No avatar plugin of LiveKit named 'acme'"),
    ],
)
def test_invalid_choice_raises_config_error(
    choice: Any, said: str, registry: ProviderRegistry
) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve(choice, registry, UNSET)


def test_chain_may_contain_two_variants_of_one_provider() -> None:
    assert parse_chain("livekit:anam,livekit:tavus") == (
        Choice("livekit", "anam"),
        Choice("livekit", "tavus"),
    )
