"""What cannot start says why: a server, a secret, settings, a worker; the voice goes on."""

from __future__ import annotations

import asyncio
import secrets
import traceback

import pytest

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import RoomError, SettingsError, WorkerError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.rtc.join import join
from avatar_core.rtc.worker_process import start_worker
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.ports import free_ports
from tests.livekit.entry import token
from tests.livekit.in_process import NoSettings
from tests.livekit.stage import MORE_WORDS, TEST_S, Stage

pytestmark = pytest.mark.livekit

REFUSED_WITHIN_S = 10.0


# Servers and settings.


async def test_a_server_that_is_down_is_a_room_error(server: DevServer) -> None:
    port, _ = free_ports()
    url = f"ws://127.0.0.1:{port}"
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(RoomError, match=f"could not join the room at {url}"):
            await join(url, token(server, "nowhere", "somebody"))


async def test_a_wrong_secret_is_a_room_error_that_keeps_it(server: DevServer) -> None:
    forger = DevServer(server.url, server.api_key, secrets.token_hex(32))
    forged = token(forger, "nowhere", "somebody")
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(RoomError, match="could not join the room") as caught:
            await join(server.url, forged)
    assert forged not in "".join(traceback.format_exception(caught.value, chain=True))
    assert caught.value.__context__ is None
    assert "LIVEKIT_API_SECRET" in str(caught.value)


def test_missing_settings_are_told_before_anything_is_bought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=r"LIVEKIT_URL.*LIVEKIT_API_KEY.*LIVEKIT_API_SECRET"):
        create_avatar("mock")


# Workers that do not start.


class BrokenProvider(AvatarProvider[NoSettings]):
    """Its worker's renderer does not exist."""

    name = "broken"
    api_version = (1, 0)
    settings_cls = NoSettings
    capabilities = Capabilities(expected_join_s=1.0)
    renderer = "no_such_package.faces:Face"
    options: dict[str, object] = {}  # noqa: RUF012
    tokens: list[str] = []  # noqa: RUF012

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.tokens.append(request.avatar_token())
        await start_worker(
            self.renderer,
            livekit_url=request.livekit_url,
            token=self.tokens[-1],
            options=self.options,
        )
        raise AssertionError("this worker cannot start")

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        return


class DyingProvider(BrokenProvider):
    """Its worker ends without a word."""

    name = "dying"
    renderer = "os:_exit"
    options = {"status": 3}  # noqa: RUF012


class ForgingProvider(BrokenProvider):
    """Its worker comes with a token that the server does not know."""

    name = "forging"
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.tokens.append(request.avatar_token()[:-8] + "AAAAAAAA")
        await start_worker(self.renderer, livekit_url=request.livekit_url, token=self.tokens[-1])
        raise AssertionError("this worker cannot join")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("provider", "last_words"),
    [
        (BrokenProvider, "No module named 'no_such_package'"),
        (DyingProvider, "it said nothing"),
        (ForgingProvider, "could not join the room"),
    ],
)
async def test_a_worker_that_cannot_start_leaves_the_voice(
    server: DevServer, provider: type[BrokenProvider], last_words: str
) -> None:
    registry = ProviderRegistry()
    registry.register(provider.name, provider)
    async with (
        asyncio.timeout(TEST_S),
        Stage(server, provider.name, registry=registry) as stage,
    ):
        error = stage.avatar.last_error
        assert isinstance(error, WorkerError)
        assert last_words in str(error)
        assert provider.tokens[-1] not in str(error)
        await stage.say_all(MORE_WORDS)
        stage.check()
        assert stage.avatar.provider == "voice"
