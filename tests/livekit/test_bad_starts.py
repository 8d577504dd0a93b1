"""Failed starts report their cause, and the agent speaks with its own voice."""

from __future__ import annotations

import asyncio
import secrets
import traceback

import pytest

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import RoomError, WorkerError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.rtc.join import join
from avatar_core.rtc.worker_process import start_worker
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.ports import find_free_ports
from avatar_core.testing.server.tokens import create_token
from tests.livekit.in_process_worker import NoSettings
from tests.livekit.live_conversation import MORE_SPOKEN_WORDS, TEST_S, LiveConversation

pytestmark = pytest.mark.livekit

REFUSED_WITHIN_S = 10.0


# Servers and settings


async def test_join_raises_room_error_if_the_server_is_down(server: DevServer) -> None:
    port, _ = find_free_ports()
    url = f"ws://127.0.0.1:{port}"
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(RoomError, match=f"The connection to the room at {url}"):
            await join(url, create_token(server, "nowhere", "somebody"))


async def test_join_error_for_a_wrong_secret_does_not_show_the_token(server: DevServer) -> None:
    forger = DevServer(server.url, server.api_key, secrets.token_hex(32))
    forged = create_token(forger, "nowhere", "somebody")
    async with asyncio.timeout(REFUSED_WITHIN_S):
        with pytest.raises(RoomError, match="The connection to the room") as caught:
            await join(server.url, forged)
    assert forged not in "".join(traceback.format_exception(caught.value, chain=True))
    assert caught.value.__context__ is None
    assert "LIVEKIT_API_SECRET" in str(caught.value)


# Workers that do not start


class BrokenProvider(AvatarProvider[NoSettings]):
    """A provider whose worker has a renderer that does not exist."""

    name = "broken"
    api_version = (1, 0)
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
    """A provider whose worker exits without a message."""

    name = "dying"
    renderer = "os:_exit"
    options = {"status": 3}  # noqa: RUF012


class ForgingProvider(BrokenProvider):
    """A provider whose worker has a token with an invalid signature."""

    name = "forging"
    renderer = "avatar_core.testing.flash_renderer:FlashRenderer"

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        self.tokens.append(request.avatar_token()[:-8] + "AAAAAAAA")
        await start_worker(self.renderer, livekit_url=request.livekit_url, token=self.tokens[-1])
        raise AssertionError("this worker cannot join")


@pytest.mark.alone
@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (BrokenProvider, "No module named 'no_such_package'"),
        pytest.param(DyingProvider, "no output", marks=pytest.mark.slow),
        pytest.param(ForgingProvider, "The connection to the room", marks=pytest.mark.slow),
    ],
)
async def test_agent_falls_back_to_the_voice_if_the_worker_cannot_start(
    server: DevServer, provider: type[BrokenProvider], message: str
) -> None:
    registry = ProviderRegistry()
    registry.register(provider.name, provider)
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, provider.name, registry=registry) as conversation,
    ):
        error = conversation.avatar.last_error
        assert isinstance(error, WorkerError)
        assert message in str(error)
        assert provider.tokens[-1] not in str(error)
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check()
        assert conversation.avatar.provider == "voice"
