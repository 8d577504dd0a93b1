"""An agent with LiveKit's unmodified inference plugin speaks through `avatar gateway`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from livekit.agents import inference

from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.server import DevServer
from tests.livekit.gateway_command import run_gateway
from tests.livekit.live_conversation import SPOKEN_WORDS, TEST_S, LiveConversation

pytestmark = pytest.mark.livekit

SUBSCRIBED_S = 0.2


class PluginConversation(LiveConversation):
    """A conversation of an agent without avatar-core, whose avatar comes from a gateway."""

    owns_children = False  # the gateway starts the worker

    def __init__(self, server: DevServer, model: str, url: str) -> None:
        super().__init__(server, "voice", wait_for_join=False)
        self.plugin = inference.AvatarSession(
            model, base_url=url, api_key=server.api_key, api_secret=server.api_secret
        )

    async def start_avatar(self) -> None:
        await self.plugin.start(self.session, self.room, livekit_url=self.server.url)
        await self.plugin.wait_for_join()
        await self.meter.wait_for_silence(SUBSCRIBED_S)

    async def stop_avatar(self) -> None:
        await self.plugin.aclose()


async def talk(server: DevServer, model: str, url: str, ledger: Path) -> None:
    """Say some words through the gateway; check what was heard, and that the session ended."""
    async with asyncio.timeout(TEST_S), PluginConversation(server, model, url) as conversation:
        await conversation.say_all(SPOKEN_WORDS)
        conversation.check_speech()
        assert [ledger_entry.provider for ledger_entry in Ledger(ledger).read_all()] == [model]
    assert Ledger(ledger).read_all() == []


async def test_inference_plugin_speaks_through_our_worker(
    server: DevServer, tmp_path: Path
) -> None:
    async with run_gateway(server, tmp_path, {}) as url:
        await talk(server, "mock", url, tmp_path)


@pytest.mark.slow
async def test_inference_plugin_speaks_through_the_local_face(
    server: DevServer, tmp_path: Path
) -> None:
    async with run_gateway(server, tmp_path, {}) as url:
        await talk(server, "local", url, tmp_path)


@pytest.mark.slow
async def test_inference_plugin_speaks_through_the_simulator_of_tavus(
    server: DevServer, tmp_path: Path
) -> None:
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=2)
    async with serving(simulator, say=lambda _: None) as address:
        env = {"TAVUS_API_KEY": KEY, "TAVUS_API_URL": address}
        async with run_gateway(server, tmp_path, env) as url:
            await talk(server, "tavus", url, tmp_path)
        assert len(simulator.account.sessions) == 1
        assert simulator.account.active == []
