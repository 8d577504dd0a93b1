"""Cases: broken plugins, each installed beside a working one."""

from __future__ import annotations

from typing import Any

from avatar_core.contracts.errors import (
    ApiVersionError,
    ConfigError,
    ProviderConflictError,
    ProviderLoadError,
    ProviderNotFoundError,
    SettingsError,
)
from avatar_core.registry.discovery import ProviderRegistry
from tests.faults.case import SECRET, Case, Environment
from tests.faults.cases_settings import HomelessSettings
from tests.support.plugins import provider_source as source


def plugin(
    id: str,
    fault: str,
    source: str,
    mentions: list[str],
    *,
    name: str = "bad",
    requires: str = "",
    **more: Any,
) -> Case:
    """Return a case with a broken plugin; the mock beside it must keep working."""

    def provoke(environment: Environment) -> None:
        registry = environment.install(
            "avatar-provider-bad", {name: "bad_m:Provider"}, source, requires=requires
        )
        _use(registry, name)

    return Case(
        id=f"plugin.{id}",
        fault=fault,
        provoke=provoke,
        mentions=[name, "avatar-provider-bad", *mentions],
        **{"error": ProviderLoadError, "code": "AV203", **more},
    )


def _use(registry: ProviderRegistry, name: str) -> None:
    """Create the provider; the mock must be listed and work before and after."""
    registry.create("mock")
    try:
        registry.create(name)
    finally:
        assert {"mock", name} <= set(registry.names())
        assert registry.create("mock").name == "mock"


def _install_two_of_one_name(environment: Environment) -> None:
    environment.install("avatar-provider-bad", {"bad": "bad_m:Provider"}, "assert False")
    registry = environment.install("acme-faces", {"bad": "acme_m:Provider"}, source())
    _use(registry, "bad")


def _register_object(environment: Environment) -> None:
    registry = ProviderRegistry()
    try:
        registry.register("bad", object())  # type: ignore[arg-type]
    finally:
        assert registry.create("mock").name == "mock"


def _create_with_other_settings(_: Environment) -> None:
    ProviderRegistry().create("mock", HomelessSettings())


def _load_voice(_: Environment) -> None:
    ProviderRegistry().load("voice")


CONFLICT = {"error": ProviderConflictError, "code": "AV202"}
API = {"error": ApiVersionError, "code": "AV204"}
INVALID = {"code": "AV205"}
CASES = [
    Case(
        id="plugin.two-of-one-name",
        fault="two distributions offer the same name",
        provoke=_install_two_of_one_name,
        mentions=["'bad'", "avatar-provider-bad", "acme-faces"],
        error=ProviderConflictError,
        code="AV202",
    ),
    plugin("raises", "it raises at import", "raise RuntimeError('no GPU')", ["no GPU"]),
    plugin("exits", "it exits at import", "raise SystemExit(3)", ["SystemExit"]),
    plugin("syntax", "it is not valid Python", "1 +", ["SyntaxError"]),
    plugin(
        "dependency",
        "a declared dependency is not installed",
        "import acme_sdk",
        ["acme_sdk", "acme-sdk>=2"],
        requires="acme-sdk>=2",
    ),
    plugin(
        "undeclared", "an undeclared dependency is not installed", "import acme_sdk", ["acme_sdk"]
    ),
    plugin(
        "other-core",
        "it needs another version of avatar-core",
        "from avatar_core import NotYet",
        ["NotYet"],
    ),
    plugin("future", "it needs a later provider API", source(api_version="(2, 0)"), ["2.0"], **API),
    plugin(
        "past", "it needs an earlier provider API", source(api_version="(0, 9)"), ["0.9"], **API
    ),
    plugin(
        "no-version",
        "it declares no API version",
        source(api_version="'1.0'"),
        ["api_version"],
        **INVALID,
    ),
    plugin(
        "other-name",
        "its class has another name than its entry point",
        source("worse"),
        ["worse", "bad_m:Provider"],
        **INVALID,
    ),
    plugin("no-attribute", "the class does not exist", "x = 1", ["Provider"]),
    plugin(
        "no-class",
        "the entry point is not a class",
        "Provider = object()",
        ["AvatarProvider"],
        **INVALID,
    ),
    plugin(
        "abstract",
        "a method is missing",
        source().replace("async def release", "def let_go"),
        ["release"],
    ),
    plugin(
        "settings",
        "no settings class is declared",
        source(body="settings_cls = dict").replace("[Settings]", ""),
        ["settings_cls"],
        **INVALID,
    ),
    plugin(
        "settings-contradict",
        "settings_cls contradicts the type argument",
        source(body="settings_cls = dict"),
        ["settings_cls = Settings"],
    ),
    plugin(
        "attribute",
        "a class attribute is not set",
        source().replace("name =", "title ="),
        ['name = "vendor"'],
    ),
    plugin(
        "attribute-misspelt",
        "a class attribute is misspelt",
        source(body="capabilites = 3"),
        ["capabilites", "capabilities = 3"],
    ),
    plugin(
        "setup",
        "setup() raises an error",
        source(body=f"def setup(self): raise KeyError({SECRET!r})"),
        ["KeyError"],
        error=ConfigError,
        code="AV206",
    ),
    plugin(
        "reserved", "its name is reserved", source("voice"), ["reserved"], name="voice", **CONFLICT
    ),
    Case(
        id="plugin.registered",
        fault="an object that is not a class, registered at run time",
        provoke=_register_object,
        error=ProviderLoadError,
        code="AV205",
        mentions=["bad", "object"],
    ),
    Case(
        id="plugin.settings-of-another",
        fault="settings of another provider",
        provoke=_create_with_other_settings,
        error=SettingsError,
        code="AV104",
        mentions=["mock", "MockSettings", "HomelessSettings"],
    ),
    Case(
        id="plugin.reserved-loaded",
        fault="the voice loaded as a provider",
        provoke=_load_voice,
        error=ProviderNotFoundError,
        code="AV201",
        mentions=["voice"],
    ),
]
