"""Rows: settings, the server's address and key, the chain, the mock's scenario."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from avatar_provider_mock import MockSettings

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import (
    ConfigError,
    ProviderNotFoundError,
    SettingsError,
)
from avatar_core.settings import LiveKitSettings, ProviderSettings
from avatar_core.testing.conversation import IN_MEMORY
from tests.faults.case import SECRET, Ground, Row

SERVER = {
    "LIVEKIT_URL": "wss://memory.livekit.cloud",
    "LIVEKIT_API_KEY": "APIkey",
    "LIVEKIT_API_SECRET": SECRET,
}


class HomelessSettings(ProviderSettings):
    """Of no provider."""


def choose(chain: Any = None, livekit: LiveKitSettings | None = IN_MEMORY, **env: str) -> Any:
    """Create an avatar in this environment."""

    def provoke(ground: Ground) -> None:
        ground.set(**env)
        try:
            create_avatar(chain, livekit=livekit)
        finally:
            create_avatar("voice", settings=None if chain else _quiet())

    return provoke


def _quiet() -> Any:
    from avatar_core.settings import AvatarSettings

    return AvatarSettings.model_construct(provider="voice", required=False)


def setting(id: str, wrong: str, names: list[str], chain: Any = "mock", **env: str) -> Row:
    """A row whose fault is in the environment."""
    return Row(
        id=f"settings.{id}",
        wrong=wrong,
        provoke=choose(chain, **env),
        error=SettingsError,
        code="AV105",
        names=names,
    )


def server(id: str, wrong: str, names: list[str], **env: str | None) -> Row:
    """A row whose fault is in the server's address or key."""
    whole = {name: value for name, value in {**SERVER, **env}.items() if value is not None}
    return Row(
        id=f"livekit.{id}",
        wrong=wrong,
        provoke=choose("mock", None, **whole),
        error=SettingsError,
        code="AV105",
        names=names,
    )


def chain(id: str, wrong: str, choice: Any, names: list[str], **more: Any) -> Row:
    """A row whose fault is in the chain of providers."""
    return Row(
        id=f"chain.{id}",
        wrong=wrong,
        provoke=choose(choice),
        names=names,
        **{"error": ConfigError, "code": "AV100", **more},
    )


def scenario(id: str, wrong: str, text: str, name: str) -> Row:
    """A row whose fault is in the mock's scenario."""
    names = ["mock", "AVATAR_MOCK_SCENARIO", name]
    return setting(f"scenario.{id}", wrong, names, AVATAR_MOCK_SCENARIO=text)


def _in_code(load: Callable[[], object]) -> Callable[[Ground], None]:
    def provoke(_: Ground) -> None:
        try:
            load()
        finally:
            MockSettings.load(width=64)

    return provoke


NOT_FOUND = {"error": ProviderNotFoundError, "code": "AV101"}
ROWS = [
    Row(
        id="settings.unset",
        wrong="AVATAR_PROVIDER is not set",
        provoke=choose(),
        error=ConfigError,
        code="AV100",
        names=["AVATAR_PROVIDER", "mock", "voice"],
    ),
    Row(
        id="settings.empty",
        wrong="AVATAR_PROVIDER is empty",
        provoke=choose(AVATAR_PROVIDER=""),
        error=ConfigError,
        code="AV100",
        names=["AVATAR_PROVIDER", "mock", "voice"],
    ),
    setting("type.flag", "a flag that is no flag", ["AVATAR_REQUIRED"], AVATAR_REQUIRED=SECRET),
    setting(
        "type.number", "a key where a number belongs", ["mock", "AVATAR_MOCK_WIDTH"],
        AVATAR_MOCK_WIDTH=SECRET,
    ),
    setting(
        "range.zero", "a deadline of 0 s", ["AVATAR_PROVISION_TIMEOUT_S"],
        AVATAR_PROVISION_TIMEOUT_S="0",
    ),
    setting(
        "range.nan", "a deadline that is no number", ["AVATAR_JOIN_TIMEOUT_S"],
        AVATAR_JOIN_TIMEOUT_S="nan",
    ),
    setting("range.odd", "an odd width", ["mock", "AVATAR_MOCK_WIDTH"], AVATAR_MOCK_WIDTH="65"),
    setting(
        "two", "two settings at once", ["AVATAR_MOCK_WIDTH", "AVATAR_MOCK_FPS"],
        AVATAR_MOCK_WIDTH="7", AVATAR_MOCK_FPS="999",
    ),
    setting(
        "wrong-variable", "a misspelt variable of a provider",
        ["mock", "AVATAR_MOCK_WIDHT", "AVATAR_MOCK_WIDTH"], AVATAR_MOCK_WIDHT="64",
    ),
    setting(
        "wrong-variable.ours", "a misspelt variable of ours",
        ["AVATAR_REQUIERD", "AVATAR_REQUIRED"], AVATAR_REQUIERD="1",
    ),
    setting(
        "wrong-variable.chain", "AVATAR_PROVIDER misspelt, and so unset",
        ["AVATAR_PROVIDERS", "AVATAR_PROVIDER"], chain=None, AVATAR_PROVIDERS="mock",
    ),
    Row(
        id="settings.unknown-in-code",
        wrong="a setting in code that there is not",
        provoke=_in_code(partial(MockSettings.load, widht=64)),
        error=SettingsError,
        code="AV105",
        names=["widht", "width"],
    ),
    server(
        "missing", "no address, no key, no secret",
        ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"], **dict.fromkeys(SERVER),
    ),
    server(
        "wrong-variable", "the key under a name that is nearly right",
        ["LIVEKIT_API_KEY", "LIVEKIT_APIKEY"], LIVEKIT_API_KEY=None, LIVEKIT_APIKEY=SECRET,
    ),
    server("no-host", "http:// without a host", ["LIVEKIT_URL"], LIVEKIT_URL="http://"),
    server("no-scheme", "a host alone", ["LIVEKIT_URL"], LIVEKIT_URL="x.livekit.cloud"),
    server(
        "password", "a password in the address", ["LIVEKIT_URL"],
        LIVEKIT_URL=f"wss://me:{SECRET}@x.livekit.cloud",
    ),
    server(
        "newline", "a key pasted with its line break", ["LIVEKIT_API_SECRET"],
        LIVEKIT_API_SECRET=f"{SECRET}\n",
    ),
    chain("unknown", "nobody offers that provider", "acme", ["acme", "mock"], **NOT_FOUND),
    chain("misspelt", "nearly a provider", "mokc", ["mokc", "mock"], **NOT_FOUND),
    chain("fallback-unknown", "the second is unknown", "mock,acme", ["acme"], **NOT_FOUND),
    chain("twice", "a provider twice", "mock,mock", ["mock"]),
    chain("empty-item", "an empty item", "mock,,voice", ["mock,,voice"]),
    chain("two-words", "a space where a comma belongs", "mock voice", ["mock voice"]),
    chain("voice-first", "something after voice", "voice,mock", ["voice", "mock"]),
    chain("voice-variant", "a variant of the voice", "voice:low", ["voice:low"]),
    chain("variant", "a variant of what has none", "mock:tall", ["mock", "tall"]),
    chain("no-plugin", "livekit without a plugin", "livekit", ["livekit"]),
    chain("no-bridge", "a stock plugin", "livekit:bey", ["livekit:bey"]),
    chain("type", "a number in the list", ["mock", 3], ["int"]),
    chain("homeless", "settings of no provider", [HomelessSettings()], ["HomelessSettings"]),
    scenario("unknown", "a fault that there is not", "crash_at=2", "crash_at_s"),
    scenario("word", "a word where a time belongs", "crash_at_s=soon", "crash_at_s"),
    scenario("nan", "a time that is no number", "crash_at_s=nan", "crash_at_s"),
    scenario("infinite", "an endless seed", "seed=inf", "seed"),
    scenario("negative", "a time in the past", "join_delay_s=-1", "join_delay_s"),
    scenario("share", "a share over 1", "loss=2", "loss"),
]  # fmt: skip
