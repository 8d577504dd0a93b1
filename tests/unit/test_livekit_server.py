"""`AvatarSession.start` accepts the LiveKit server and its key, as stock plugins do."""

from __future__ import annotations

import inspect
from unittest.mock import Mock

import pytest
from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, NotGivenOr
from livekit.plugins import tavus

from avatar_core.agents.create import create_avatar
from avatar_core.agents.livekit_server import with_arguments
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import SettingsError
from avatar_core.contracts.events import AvatarState
from avatar_core.settings import LiveKitSettings

VARIABLES = {"LIVEKIT_URL": "wss://env", "LIVEKIT_API_KEY": "env", "LIVEKIT_API_SECRET": "env"}
IN_CODE = LiveKitSettings.load(url="wss://code", api_key="code", api_secret="code")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def values(livekit: LiveKitSettings) -> list[str]:
    return [livekit.url, livekit.api_key.get_secret_value(), livekit.api_secret.get_secret_value()]


def test_start_accepts_the_arguments_of_a_stock_plugin() -> None:
    ours = inspect.signature(AvatarSession.start, eval_str=True).parameters
    stock = inspect.signature(tavus.AvatarSession.start, eval_str=True).parameters
    assert [(one.name, one.kind, one.default) for one in ours.values()] == [
        (one.name, one.kind, one.default) for one in stock.values()
    ]
    for name in ("livekit_url", "livekit_api_key", "livekit_api_secret"):
        assert ours[name].annotation == stock[name].annotation == NotGivenOr[str]


@pytest.mark.parametrize(
    ("known", "arguments", "expected"),
    [
        (None, ("wss://given", "given", "given"), ["wss://given", "given", "given"]),
        (None, ("wss://given", NOT_GIVEN, ""), ["wss://given", "env", "env"]),
        (None, (NOT_GIVEN, NOT_GIVEN, "given"), ["wss://env", "env", "given"]),
        (None, (NOT_GIVEN, NOT_GIVEN, NOT_GIVEN), ["wss://env", "env", "env"]),
        (IN_CODE, (NOT_GIVEN, "given", NOT_GIVEN), ["wss://code", "given", "code"]),
        (IN_CODE, (NOT_GIVEN, NOT_GIVEN, NOT_GIVEN), ["wss://code", "code", "code"]),
    ],
)
def test_argument_takes_precedence_over_create_avatar_and_the_environment(
    known: LiveKitSettings | None,
    arguments: tuple[NotGivenOr[str], NotGivenOr[str], NotGivenOr[str]],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert values(with_arguments(known, *arguments)) == expected


async def test_start_raises_for_missing_values_before_it_uses_the_session() -> None:
    avatar = create_avatar("mock")
    session = Mock(spec=AgentSession)
    with pytest.raises(SettingsError, match=r"LIVEKIT_API_KEY.*LIVEKIT_API_SECRET") as caught:
        await avatar.start(session, Mock(spec=rtc.Room), livekit_url="wss://given")
    assert "LIVEKIT_URL" not in str(caught.value)
    assert session.mock_calls == []
    assert avatar.state is AvatarState.NEW


async def test_start_raises_for_an_invalid_argument_and_quotes_no_secret() -> None:
    with pytest.raises(SettingsError, match="LIVEKIT_API_SECRET") as caught:
        await create_avatar("mock", livekit=IN_CODE).start(
            Mock(spec=AgentSession), Mock(spec=rtc.Room), livekit_api_secret=" s3cret"
        )
    assert "s3cret" not in str(caught.value)


def test_create_avatar_raises_for_an_invalid_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**VARIABLES, "LIVEKIT_URL": "no-scheme"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="LIVEKIT_URL"):
        create_avatar("mock")
