"""Rows: plugins that are broken, each beside one that is not."""

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
from tests.faults.case import SECRET, Ground, Row
from tests.faults.cases_settings import HomelessSettings
from tests.support.plugins import provider_source as source


def plugin(
    id: str,
    wrong: str,
    source: str,
    names: list[str],
    *,
    name: str = "bad",
    requires: str = "",
    **more: Any,
) -> Row:
    """A row whose fault is in a plugin; the mock beside it must go on working."""

    def provoke(ground: Ground) -> None:
        registry = ground.install(
            "avatar-provider-bad", {name: "bad_m:Provider"}, source, requires=requires
        )
        _use(registry, name)

    return Row(
        id=f"plugin.{id}",
        wrong=wrong,
        provoke=provoke,
        names=[name, "avatar-provider-bad", *names],
        **{"error": ProviderLoadError, "code": "AV103", **more},
    )


def _use(registry: ProviderRegistry, name: str) -> None:
    """Use it, and see that it hides no other: neither before nor after."""
    registry.create("mock")
    try:
        registry.create(name)
    finally:
        assert {"mock", name} <= set(registry.names())
        assert registry.create("mock").name == "mock"


def _two_of_one_name(ground: Ground) -> None:
    ground.install("avatar-provider-bad", {"bad": "bad_m:Provider"}, "assert False")
    registry = ground.install("acme-faces", {"bad": "acme_m:Provider"}, source())
    _use(registry, "bad")


def _no_class(ground: Ground) -> None:
    registry = ProviderRegistry()
    try:
        registry.register("bad", object())  # type: ignore[arg-type]
    finally:
        assert registry.create("mock").name == "mock"


def _settings_of_another(_: Ground) -> None:
    ProviderRegistry().create("mock", HomelessSettings())


def _voice(_: Ground) -> None:
    ProviderRegistry().load("voice")


CONFLICT = {"error": ProviderConflictError, "code": "AV102"}
API = {"error": ApiVersionError, "code": "AV104"}
ROWS = [
    Row(
        id="plugin.two-of-one-name",
        wrong="two distributions offer one name",
        provoke=_two_of_one_name,
        names=["'bad'", "avatar-provider-bad", "acme-faces"],
        error=ProviderConflictError,
        code="AV102",
    ),
    plugin("raises", "it raises at import", "raise RuntimeError('no GPU')", ["no GPU"]),
    plugin("exits", "it exits at import", "raise SystemExit(3)", ["SystemExit"]),
    plugin("syntax", "it is no Python", "1 +", ["SyntaxError"]),
    plugin(
        "dependency", "what it needs is not installed", "import acme_sdk",
        ["acme_sdk", "acme-sdk>=2"], requires="acme-sdk>=2",
    ),
    plugin("undeclared", "what it needs it never named", "import acme_sdk", ["acme_sdk"]),
    plugin("other-core", "for another avatar-core", "from avatar_core import NotYet", ["NotYet"]),
    plugin("future", "for a later provider API", source(api_version="(2, 0)"), ["2.0"], **API),
    plugin("past", "for an earlier provider API", source(api_version="(0, 9)"), ["0.9"], **API),
    plugin("no-version", "states no version", source(api_version="'1.0'"), ["api_version"]),
    plugin("other-name", "calls itself otherwise", source("worse"), ["worse", "bad_m:Provider"]),
    plugin("no-attribute", "the class is not there", "x = 1", ["Provider"]),
    plugin("no-class", "no class", "Provider = object()", ["AvatarProvider"]),
    plugin(
        "abstract", "half a provider", source().replace("async def release", "def let_go"),
        ["release"],
    ),
    plugin(
        "settings", "no settings class",
        source(body="settings_cls = dict").replace("[Settings]", ""), ["settings_cls"],
    ),
    plugin(
        "settings-contradict", "settings_cls contradicts the type argument",
        source(body="settings_cls = dict"), ["settings_cls = Settings"],
    ),
    plugin(
        "attribute", "a class attribute is not set", source().replace("name =", "title ="),
        ['name = "vendor"'],
    ),
    plugin(
        "attribute-misspelt", "a class attribute is misspelt",
        source(body="capabilites = 3"), ["capabilites", "capabilities = 3"],
    ),
    plugin(
        "setup", "it fails to set itself up",
        source(body=f"def setup(self): raise KeyError({SECRET!r})"),
        ["KeyError"], error=ConfigError, code="AV100",
    ),
    plugin("reserved", "a reserved name", source("voice"), ["reserved"], name="voice", **CONFLICT),
    Row(
        id="plugin.registered",
        wrong="something else than a class, at run time",
        provoke=_no_class,
        error=ProviderLoadError,
        code="AV103",
        names=["bad", "object"],
    ),
    Row(
        id="plugin.settings-of-another",
        wrong="settings of another provider",
        provoke=_settings_of_another,
        error=SettingsError,
        code="AV105",
        names=["mock", "MockSettings", "HomelessSettings"],
    ),
    Row(
        id="plugin.reserved-loaded",
        wrong="the voice loaded as a provider",
        provoke=_voice,
        error=ProviderNotFoundError,
        code="AV101",
        names=["voice"],
    ),
]  # fmt: skip
