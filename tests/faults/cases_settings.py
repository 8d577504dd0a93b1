"""Cases: settings, the URL and key of the server, the chain, the scenario of the mock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import Mock

from avatar_provider_mock import MockSettings
from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import (
    ConfigError,
    ProviderNotFoundError,
    SettingsError,
)
from avatar_core.settings import LiveKitSettings, ProviderSettings
from avatar_core.testing.room.context import IN_MEMORY
from tests.faults.case import SECRET, Case, Environment

SERVER = {
    "LIVEKIT_URL": "wss://memory.livekit.cloud",
    "LIVEKIT_API_KEY": "APIkey",
    "LIVEKIT_API_SECRET": SECRET,
}


class HomelessSettings(ProviderSettings):
    """Settings that belong to no provider."""


def choose(chain: Any = None, livekit: LiveKitSettings | None = IN_MEMORY, **env: str) -> Any:
    """Return a function that creates an avatar with these environment variables."""

    def provoke(environment: Environment) -> None:
        environment.set(**env)
        try:
            create_avatar(chain, livekit=livekit)
        finally:
            create_avatar("voice", settings=None if chain else _voice_settings())

    return provoke


def start_in_a_room(**env: str) -> Any:
    """Return a function that starts the mock in a LiveKit room with these variables."""

    def provoke(environment: Environment) -> None:
        environment.set(**env)
        session = Mock(spec=AgentSession)
        try:
            asyncio.run(create_avatar("mock").start(session, Mock(spec=rtc.Room)))
        finally:
            assert session.mock_calls == []

    return provoke


def _voice_settings() -> Any:
    from avatar_core.settings import AvatarSettings

    return AvatarSettings.model_construct(provider="voice", required=False)


def setting(
    id: str,
    fault: str,
    mentions: list[str],
    chain: Any = "mock",
    code: str = "AV104",
    **env: str,
) -> Case:
    """Return a case whose fault is in an environment variable."""
    return Case(
        id=f"settings.{id}",
        fault=fault,
        provoke=choose(chain, **env),
        error=SettingsError,
        code=code,
        mentions=mentions,
    )


def server(id: str, fault: str, mentions: list[str], **env: str | None) -> Case:
    """Return a case whose fault is in the URL or the key of the server."""
    whole = {name: value for name, value in {**SERVER, **env}.items() if value is not None}
    return Case(
        id=f"livekit.{id}",
        fault=fault,
        provoke=start_in_a_room(**whole),
        error=SettingsError,
        code="AV104",
        mentions=mentions,
    )


def unset(id: str, fault: str, mentions: list[str], **env: str | None) -> Case:
    """Return a case in which a variable of the server is not set, and an avatar starts."""
    case = server(id, fault, mentions, **env)
    whole = {name: value for name, value in {**SERVER, **env}.items() if value is not None}

    async def start() -> None:
        await create_avatar("mock").start(AgentSession(), rtc.Room())

    def provoke(environment: Environment) -> None:
        environment.set(**whole)
        asyncio.run(start())

    return replace(case, provoke=provoke, code="AV103")


def chain(id: str, fault: str, choice: Any, mentions: list[str], **more: Any) -> Case:
    """Return a case whose fault is in the chain of providers."""
    return Case(
        id=f"chain.{id}",
        fault=fault,
        provoke=choose(choice),
        mentions=mentions,
        **{"error": ConfigError, "code": "AV102", **more},
    )


def scenario(id: str, fault: str, text: str, name: str) -> Case:
    """Return a case whose fault is in the scenario of the mock."""
    mentions = ["mock", "AVATAR_MOCK_SCENARIO", name]
    return setting(f"scenario.{id}", fault, mentions, AVATAR_MOCK_SCENARIO=text)


def _in_code(load: Callable[[], object]) -> Callable[[Environment], None]:
    def provoke(_: Environment) -> None:
        try:
            load()
        finally:
            MockSettings.load(width=64)

    return provoke


NOT_FOUND = {"error": ProviderNotFoundError, "code": "AV201"}
CASES = [
    Case(
        id="settings.unset",
        fault="AVATAR_PROVIDER is not set",
        provoke=choose(),
        error=ConfigError,
        code="AV101",
        mentions=["AVATAR_PROVIDER", "mock", "voice"],
    ),
    Case(
        id="settings.empty",
        fault="AVATAR_PROVIDER is empty",
        provoke=choose(AVATAR_PROVIDER=""),
        error=ConfigError,
        code="AV101",
        mentions=["AVATAR_PROVIDER", "mock", "voice"],
    ),
    setting(
        "type.flag", "a flag whose value is not a flag", ["AVATAR_REQUIRED"], AVATAR_REQUIRED=SECRET
    ),
    setting(
        "type.number",
        "a key in place of a number",
        ["mock", "AVATAR_MOCK_WIDTH"],
        AVATAR_MOCK_WIDTH=SECRET,
    ),
    setting(
        "range.zero",
        "a deadline of 0 s",
        ["AVATAR_PROVISION_TIMEOUT_S"],
        AVATAR_PROVISION_TIMEOUT_S="0",
    ),
    setting(
        "range.nan",
        "a deadline that is not a number",
        ["AVATAR_JOIN_TIMEOUT_S"],
        AVATAR_JOIN_TIMEOUT_S="nan",
    ),
    setting("range.odd", "an odd width", ["mock", "AVATAR_MOCK_WIDTH"], AVATAR_MOCK_WIDTH="65"),
    setting(
        "two",
        "two faulty settings",
        ["AVATAR_MOCK_WIDTH", "AVATAR_MOCK_FPS"],
        AVATAR_MOCK_WIDTH="7",
        AVATAR_MOCK_FPS="999",
    ),
    setting(
        "wrong-variable",
        "a misspelt variable of a provider",
        ["mock", "AVATAR_MOCK_WIDHT", "AVATAR_MOCK_WIDTH"],
        code="AV105",
        AVATAR_MOCK_WIDHT="64",
    ),
    setting(
        "wrong-variable.ours",
        "a misspelt variable of ours",
        ["AVATAR_REQUIERD", "AVATAR_REQUIRED"],
        code="AV105",
        AVATAR_REQUIERD="1",
    ),
    setting(
        "wrong-variable.chain",
        "AVATAR_PROVIDER is misspelt, and so unset",
        ["AVATAR_PROVIDERS", "AVATAR_PROVIDER"],
        chain=None,
        code="AV105",
        AVATAR_PROVIDERS="mock",
    ),
    Case(
        id="settings.unknown-in-code",
        fault="an unknown setting in code",
        provoke=_in_code(partial(MockSettings.load, widht=64)),
        error=SettingsError,
        code="AV105",
        mentions=["widht", "width"],
    ),
    unset(
        "missing",
        "no URL, no key, no secret",
        ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"],
        **dict.fromkeys(SERVER),
    ),
    unset(
        "wrong-variable",
        "the name of the key's variable is misspelt",
        ["LIVEKIT_API_KEY", "LIVEKIT_APIKEY"],
        LIVEKIT_API_KEY=None,
        LIVEKIT_APIKEY=SECRET,
    ),
    server("no-host", "http:// without a host", ["LIVEKIT_URL"], LIVEKIT_URL="http://"),
    server("no-scheme", "a host without a scheme", ["LIVEKIT_URL"], LIVEKIT_URL="x.livekit.cloud"),
    server(
        "password",
        "a password in the URL",
        ["LIVEKIT_URL"],
        LIVEKIT_URL=f"wss://me:{SECRET}@x.livekit.cloud",
    ),
    server(
        "newline",
        "a key pasted with its line break",
        ["LIVEKIT_API_SECRET"],
        LIVEKIT_API_SECRET=f"{SECRET}\n",
    ),
    chain("unknown", "an unknown provider", "acme", ["acme", "mock"], **NOT_FOUND),
    chain("misspelt", "a misspelt provider", "mokc", ["mokc", "mock"], **NOT_FOUND),
    chain("fallback-unknown", "the second is unknown", "mock,acme", ["acme"], **NOT_FOUND),
    chain("twice", "a provider twice", "mock,mock", ["mock"]),
    chain("empty-item", "an empty item", "mock,,voice", ["mock,,voice"]),
    chain("two-words", "a space in place of a comma", "mock voice", ["mock voice"]),
    chain("voice-first", "a provider after voice", "voice,mock", ["voice", "mock"]),
    chain("voice-variant", "a variant of the voice", "voice:low", ["voice:low"]),
    chain("variant", "a variant of a provider without variants", "mock:tall", ["mock", "tall"]),
    chain("no-plugin", "livekit without a plugin", "livekit", ["livekit"]),
    chain("no-plugin-installed", "a missing plugin", "livekit:acme", ["acme"], **NOT_FOUND),
    chain("type", "a number in the list", ["mock", 3], ["int"]),
    chain(
        "homeless",
        "settings that belong to no provider",
        [HomelessSettings()],
        ["HomelessSettings"],
        code="AV205",
    ),
    scenario("unknown", "an unknown fault", "crash_at=2", "crash_at_s"),
    scenario("word", "a word in place of a time", "crash_at_s=soon", "crash_at_s"),
    scenario("nan", "a time that is not a number", "crash_at_s=nan", "crash_at_s"),
    scenario("infinite", "an endless seed", "seed=inf", "seed"),
    scenario("negative", "a time in the past", "join_delay_s=-1", "join_delay_s"),
    scenario("share", "a share over 1", "loss=2", "loss"),
]
