"""The registry finds and loads providers of distributions on disk, as pip installs them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic_settings import SettingsConfigDict

from avatar_core.contracts.errors import (
    ConfigError,
    ProviderConflictError,
    ProviderLoadError,
    ProviderNotFoundError,
    SettingsError,
)
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.registry.discovery import GROUP, NOT_INSTALLED, ProviderRegistry
from avatar_core.registry.validation import ProviderInfo
from avatar_core.settings import ProviderSettings
from tests.support.plugins import FakeSite, provider_source


class PlainSettings(ProviderSettings):
    provider = "plain"


class Plain(AvatarProvider[Any]):
    name = "plain"
    api_version = (1, 0)
    settings_cls: type[Any] = PlainSettings

    async def provision(self, request: Any) -> Any:
        raise AssertionError("No test calls this method.")

    async def release(self, avatar: Any, reason: str) -> None:
        raise AssertionError("No test calls this method.")


def test_registry_lists_and_describes_providers_without_importing(site: FakeSite) -> None:
    site.install("avatar-provider-zeta", {"zeta": "zeta_m:Provider"}, {"zeta_m": "assert False"})
    site.install("avatar-provider-alpha", {"alpha": "alpha_m:P"}, {"alpha_m": "raise SystemExit"})
    registry = ProviderRegistry()
    names = registry.names()
    assert list(names) == sorted(names)
    assert {"alpha", "zeta"} <= set(names)
    assert registry.describe("zeta") == ProviderInfo(
        name="zeta", distribution="avatar-provider-zeta", version="1.2", target="zeta_m:Provider"
    )
    assert not {"zeta_m", "alpha_m"} & sys.modules.keys()


def test_load_imports_only_the_named_provider(site: FakeSite) -> None:
    site.install(
        "avatar-provider-one", {"one": "one_m:Provider"}, {"one_m": provider_source("one")}
    )
    site.install("avatar-provider-two", {"two": "two_m:Provider"}, {"two_m": "assert False"})
    registry = ProviderRegistry()
    assert registry.load("one").name == "one"
    assert "two_m" not in sys.modules
    assert isinstance(registry.create("one"), registry.load("one"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Gama", "Did you mean 'gamma'?"), ("voce", "Did you mean 'voice'?"), ("acme", NOT_INSTALLED)],
)
def test_error_for_an_unknown_provider_lists_the_installed_ones(
    site: FakeSite, name: str, hint: str
) -> None:
    site.install("avatar-provider-gamma", {"gamma": "gamma_m:Provider"})
    with pytest.raises(ProviderNotFoundError) as caught:
        ProviderRegistry().load(name)
    text = caught.value.text
    assert repr(name) in text
    assert "Installed providers: " in text
    assert "gamma" in text
    assert text.endswith(hint)
    assert "pip " not in text
    assert f"avatar-provider-{name}".lower() not in text.lower()
    assert isinstance(caught.value, LookupError)


def test_registry_ignores_a_stale_stevedore_cache(site: FakeSite) -> None:
    """stevedore's cache on disk misses an edited entry_points.txt for up to 128 s."""
    from stevedore._cache import Cache

    site.install("avatar-provider-edit", {"before": "edit_m:Provider"})
    registry = ProviderRegistry()
    assert "before" in registry.names()
    assert "before" in Cache().get_group_named(GROUP)
    site.install(
        "avatar-provider-edit", {"after": "edit_m:Provider"}, {"edit_m": provider_source("after")}
    )
    assert registry.load("after").name == "after"
    assert "before" not in registry.names()
    assert "before" not in ProviderRegistry().names()


def test_refresh_finds_newly_installed_providers(site: FakeSite) -> None:
    registry = ProviderRegistry()
    assert "late" not in registry.names()
    site.install("avatar-provider-late", {"late": "late_m:Provider"})
    registry.refresh()
    assert "late" in registry.names()


def test_conflict_error_names_both_distributions_of_a_provider(site: FakeSite) -> None:
    site.install("avatar-provider-dup", {"dup": "dup_m:Provider"}, {"dup_m": "assert False"})
    site.install("mid", {"middle": "middle_m:Provider"}, {"middle_m": provider_source("middle")})
    site.install("other-dup", {"dup": "dup_m:Provider"})
    registry = ProviderRegistry()
    assert {"dup", "middle"} <= set(registry.names())
    with pytest.raises(ProviderConflictError) as caught:
        registry.load("dup")
    assert "avatar-provider-dup 1.2" in str(caught.value)
    assert "other-dup 1.2" in str(caught.value)
    assert "dup_m" not in sys.modules
    assert registry.load("middle").name == "middle"


@pytest.mark.parametrize("name", ["voice", "livekit"])
def test_reserved_provider_name_raises_conflict_error(site: FakeSite, name: str) -> None:
    site.install("squatter", {name: "squat_m:Provider", "fair": "fair_m:Provider"})
    (site.root / "fair_m.py").write_text(provider_source("fair"))
    site.modules.add("fair_m")
    registry = ProviderRegistry()
    with pytest.raises(ProviderConflictError, match=r"squatter 1\.2 .* reserved"):
        registry.load(name)
    with pytest.raises(ProviderConflictError, match="reserved"):
        registry.register(name, Plain)
    assert registry.load("fair").name == "fair"


def test_error_for_a_reserved_name_suggests_no_package() -> None:
    with pytest.raises(ProviderNotFoundError) as caught:
        ProviderRegistry().load("voice")
    assert "pip" not in str(caught.value)


def test_registered_provider_is_listed_until_it_is_unregistered() -> None:
    registry = ProviderRegistry()
    registry.register("plain", Plain)
    assert "plain" in registry.names()
    assert registry.describe("plain").target.endswith(":Plain")
    assert registry.load("plain") is Plain
    with pytest.raises(ProviderConflictError, match="replace=True"):
        registry.register("plain", Plain)
    registry.register("plain", Plain, replace=True)
    registry.unregister("plain")
    assert "plain" not in registry.names()
    with pytest.raises(ProviderNotFoundError):
        registry.unregister("plain")
    assert "plain" not in ProviderRegistry().names()


def test_register_rejects_invalid_and_conflicting_providers(site: FakeSite) -> None:
    site.install("avatar-provider-own", {"own": "own_m:Provider"}, {"own_m": "assert False"})
    registry = ProviderRegistry()
    with pytest.raises(ProviderLoadError, match="has the name 'plain'"):
        registry.register("own", Plain, replace=True)
    with pytest.raises(ProviderLoadError, match="not a subclass"):
        registry.register("thing", object())  # type: ignore[arg-type]
    with pytest.raises(ProviderConflictError):
        registry.register("own", Plain)


class KeyedSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="KEYED_")
    provider = "keyed"

    token: str
    variant: str = "standard"


class Keyed(Plain):
    name = "keyed"
    settings_cls = KeyedSettings

    def setup(self) -> None:
        if self.settings.token == "refused":
            raise ConfigError("that token is refused.")
        if self.settings.token == "absurd":
            raise KeyError("s3cret")


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> ProviderRegistry:
    monkeypatch.delenv("KEYED_TOKEN", raising=False)
    registry = ProviderRegistry()
    registry.register("keyed", Keyed)
    registry.register("plain", Plain)
    return registry


def test_create_reads_settings_from_the_environment(
    keyed: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="keyed: KEYED_TOKEN: is not set") as caught:
        keyed.create("keyed")
    assert caught.value.provider == "keyed"
    monkeypatch.setenv("KEYED_TOKEN", "t")
    assert keyed.create("keyed", variant="tall").settings == KeyedSettings(
        token="t", variant="tall"
    )


def test_create_accepts_only_settings_of_the_providers_class(keyed: ProviderRegistry) -> None:
    settings = KeyedSettings(token="t")
    assert keyed.create("keyed", settings).settings is settings
    with pytest.raises(
        SettingsError,
        match=r"keyed: the provider needs settings of the class KeyedSettings.* PlainSettings",
    ):
        keyed.create("keyed", PlainSettings())


def test_variant_without_a_settings_field_raises_config_error(keyed: ProviderRegistry) -> None:
    with pytest.raises(ConfigError, match=r"plain: .*'tall'"):
        keyed.create("plain", variant="tall")


def test_error_of_setup_becomes_a_config_error(keyed: ProviderRegistry) -> None:
    with pytest.raises(ConfigError, match="keyed: that token is refused"):
        keyed.create("keyed", KeyedSettings(token="refused"))
    with pytest.raises(
        ConfigError, match="keyed: the set-up of the provider failed: KeyError"
    ) as caught:
        keyed.create("keyed", KeyedSettings(token="absurd"))
    assert isinstance(caught.value.__cause__, KeyError)
    assert "s3cret" not in str(caught.value)
    assert "KeyError (test_registry.py, line " in str(caught.value)


def test_error_names_a_missing_attribute_that_setup_reads(keyed: ProviderRegistry) -> None:
    class Typo(Keyed):
        def setup(self) -> None:
            self.settings.tokn.strip()

    keyed.register("keyed", Typo, replace=True)
    with pytest.raises(ConfigError, match=r"AttributeError: .* no attribute 'tokn' \(test_reg"):
        keyed.create("keyed", KeyedSettings(token="t"))
