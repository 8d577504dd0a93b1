"""The registry raises errors for broken plugins and for plugins of another version."""

from __future__ import annotations

import pytest

from avatar_core.contracts.errors import ApiVersionError, ProviderLoadError
from avatar_core.contracts.provider import PROVIDER_API_VERSION
from avatar_core.registry.discovery import ProviderRegistry
from tests.support.plugins import FakeSite, provider_source


def fault_of(site: FakeSite, source: str, *, requires: str = "") -> ProviderLoadError:
    site.install(
        "avatar-provider-bad", {"bad": "bad_m:Provider"}, {"bad_m": source}, requires=requires
    )
    with pytest.raises(ProviderLoadError) as caught:
        ProviderRegistry().load("bad")
    assert caught.value.provider == "bad"
    return caught.value


def test_error_for_a_missing_plugin_module_suggests_a_reinstall(site: FakeSite) -> None:
    site.install("avatar-provider-bad", {"bad": "not_there.inner:Provider"})
    with pytest.raises(ProviderLoadError) as caught:
        ProviderRegistry().load("bad")
    assert "does not contain the module not_there." in str(caught.value)
    assert "pip install --force-reinstall avatar-provider-bad" in str(caught.value)


def test_error_for_a_missing_dependency_names_its_requirement(site: FakeSite) -> None:
    fault = fault_of(site, "import acme_sdk.core", requires="acme-sdk>=2 ; python_version > '3'")
    assert "needs the module acme_sdk, which is not installed" in str(fault)
    assert "pip install 'acme-sdk>=2'" in str(fault)
    assert isinstance(fault.__cause__, ModuleNotFoundError)


def test_error_for_an_undeclared_dependency_suggests_a_reinstall(site: FakeSite) -> None:
    fault = fault_of(site, "import acme_undeclared")
    assert "needs the module acme_undeclared" in str(fault)
    assert "pip install --force-reinstall avatar-provider-bad" in str(fault)


def test_plugin_for_another_avatar_core_version_is_rejected(site: FakeSite) -> None:
    fault = fault_of(site, "from avatar_core import NotYetThere")
    assert "is not compatible with avatar-core" in str(fault)
    assert "pip install --upgrade avatar-core avatar-provider-bad" in str(fault)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("assert 1 == 2, 'sums'", AssertionError),
        ("raise SystemExit(3)", SystemExit),
        ("raise RuntimeError('no luck')", RuntimeError),
        ("1 +", SyntaxError),
        ("x = 1", AttributeError),
        ("raise ModuleNotFoundError('by hand')", ModuleNotFoundError),
    ],
)
def test_plugin_that_raises_at_import_is_rejected(
    site: FakeSite, source: str, kind: type[BaseException]
) -> None:
    fault = fault_of(site, source)
    assert f"raised {kind.__name__}" in str(fault)
    assert "avatar-provider-bad 1.2" in str(fault)
    assert isinstance(fault.__cause__, kind)


def test_keyboard_interrupt_at_import_is_raised(site: FakeSite) -> None:
    site.install("d", {"bad": "bad_m:P"}, {"bad_m": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        ProviderRegistry().load("bad")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Provider = object()", "is not a subclass of avatar_core.AvatarProvider"),
        ("class Provider: name = 'bad'", "is not a subclass of avatar_core.AvatarProvider"),
        (provider_source("worse"), "has the name 'worse'"),
        (
            provider_source("bad", api_version="'1.0'"),
            "does not state its version of the provider API",
        ),
        (
            provider_source("bad", api_version="(True, 0)"),
            "does not state its version of the provider API",
        ),
        (
            provider_source("bad", api_version="(1, 0, 0)"),
            "does not state its version of the provider API",
        ),
        (
            provider_source("bad", "settings_cls = dict").replace("[Settings]", ""),
            "does not name the class of its settings",
        ),
        (
            provider_source("bad")
            .replace("[Settings])", "[Settings], ABC)")
            .replace("from", "from abc import ABC\nfrom", 1)
            .replace("async def release", "def let_go"),
            "not implement release",
        ),
    ],
)
def test_object_that_is_not_a_provider_is_rejected(site: FakeSite, source: str, said: str) -> None:
    fault = fault_of(site, source)
    assert said in str(fault)
    assert "bad_m:Provider of avatar-provider-bad" in str(fault)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (provider_source("bad", "settings_cls = dict"), "settings_cls = Settings"),
        (
            provider_source("bad").replace("async def release", "def let_go"),
            "async def release(self, avatar: ProvisionedAvatar, reason: str) -> None: ...",
        ),
        (provider_source("bad").replace("api_version =", "api ="), "api_version = (1, 0)"),
        (provider_source("bad").replace("name =", "nam ="), "name = 'bad' (not nam)"),
    ],
)
def test_error_for_an_invalid_class_contains_the_line_to_write(
    site: FakeSite, source: str, line: str
) -> None:
    fault = fault_of(site, source)
    assert f"Write in the class: {line}" in str(fault)
    assert "bad_m:Provider of avatar-provider-bad" in str(fault)
    assert isinstance(fault.__cause__, TypeError)


@pytest.mark.parametrize(
    ("api_version", "upgrade"),
    [
        ((PROVIDER_API_VERSION[0] + 1, 0), "avatar-core"),
        ((PROVIDER_API_VERSION[0], PROVIDER_API_VERSION[1] + 1), "avatar-core"),
        ((PROVIDER_API_VERSION[0] - 1, 9), "avatar-provider-api"),
    ],
)
def test_incompatible_api_version_raises_with_the_upgrade_command(
    site: FakeSite, api_version: tuple[int, int], upgrade: str
) -> None:
    source = provider_source("api", api_version=str(api_version))
    site.install("avatar-provider-api", {"api": "api_m:Provider"}, {"api_m": source})
    with pytest.raises(ApiVersionError) as caught:
        ProviderRegistry().load("api")
    text = caught.value.text
    assert f"needs version {api_version[0]}.{api_version[1]} of" in text
    assert f"has version {PROVIDER_API_VERSION[0]}.{PROVIDER_API_VERSION[1]}" in text
    assert text.endswith(f"pip install --upgrade {upgrade}")


def test_provider_with_an_older_minor_api_version_loads(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar_core.registry.validation.PROVIDER_API_VERSION", (1, 4))
    source = provider_source("old", api_version="(1, 3)")
    site.install("avatar-provider-old", {"old": "old_m:Provider"}, {"old_m": source})
    assert ProviderRegistry().load("old").api_version == (1, 3)
