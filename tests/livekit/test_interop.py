"""Our agent works with the worker of livekit-agents, and our worker with its agent."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

import pytest
from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput
from packaging.version import Version

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from benchmarks.bench.workers import StockWorkerProvider
from tests.livekit.in_process_worker import RATE_HZ, InProcessWorker
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

LAST_SPOKEN_WORDS = ("xray", "yankee", "zulu", "zero")
CUT_AT = MORE_SPOKEN_WORDS[2]
FINISHED_WITHIN_S = 1.0
OUR_SILENCE_S = 0.3
STOCK_SILENCE_S = 0.6
"""At a clear, a stock worker empties its generator, but not its synchronizer or audio queue."""
SUBSCRIBED_S = 0.2
AVATAR = "our-avatar"
STOCK_IS_ADDRESSED = Version(version("livekit")) >= Version("1.2")
"""From 1.2 on livekit sends the chunks of an addressed byte stream only to its destination."""


class StockAgentConversation(LiveConversation):
    """A conversation of a stock agent, as the plugins of livekit-agents set it up, and our worker.

    Attributes:
        stock_agents_worker: The worker, in this process.
    """

    stock_agents_worker: InProcessWorker | None = None

    def __init__(self, server: DevServer) -> None:
        super().__init__(server, "voice", wait_for_join=False)

    async def start_avatar(self) -> None:
        self.stock_agents_worker = await InProcessWorker.join(
            self.server.url,
            create_token(
                self.server, self.room_name, AVATAR, "agent", {PUBLISH_ON_BEHALF: "agent"}
            ),
        )
        self.session.output.audio = DataStreamAudioOutput(
            self.room,
            destination_identity=AVATAR,
            sample_rate=RATE_HZ,
            wait_remote_track=rtc.TrackKind.KIND_VIDEO,
        )
        # The agent speaks once the video is published; the listener subscribes a moment later.
        await self.meter.wait_for_silence(SUBSCRIBED_S)

    async def stop_avatar(self) -> None:
        if self.stock_agents_worker is not None:
            await self.stock_agents_worker.aclose()


async def say_three_turns(conversation: LiveConversation, silence_s: float) -> None:
    """One in full, one interrupted, one more in full."""
    await conversation.say_all(SPOKEN_WORDS)
    turn = conversation.say(MORE_SPOKEN_WORDS)
    await conversation.wait_for_word(CUT_AT)
    cut_at = asyncio.get_running_loop().time()
    turn.handle.interrupt()
    await turn.handle
    finished_s = asyncio.get_running_loop().time() - cut_at
    await conversation.wait_for_silence(0.5)
    last_sound_s = conversation.meter.sounds()[-1][1] - cut_at
    assert finished_s <= FINISHED_WITHIN_S, conversation.report()
    assert last_sound_s <= silence_s, conversation.report()
    await conversation.say_all(LAST_SPOKEN_WORDS)


async def test_our_agent_speaks_through_a_worker_of_livekit_agents(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("stock-worker", StockWorkerProvider)
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, "stock-worker", registry=registry) as conversation,
    ):
        await say_three_turns(conversation, STOCK_SILENCE_S)
        conversation.check(cut=MORE_SPOKEN_WORDS[2:])
        assert conversation.avatar.provider == "stock-worker"
        assert conversation.errors == []


async def test_agent_of_livekit_agents_speaks_through_our_worker(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), StockAgentConversation(server) as conversation:
        await say_three_turns(conversation, OUR_SILENCE_S)
        # A stock agent's text follows the clock, so `check_history` does not hold for it.
        conversation.check_finishes()
        conversation.check_speech(cut=MORE_SPOKEN_WORDS[2:])
        # Where a stock agent sends its audio to everybody, `check_addressed` could fail.
        received_bytes = await conversation.listener.data_bytes()
        assert (received_bytes > 0.5 * conversation.speech_bytes) != STOCK_IS_ADDRESSED
        assert [event.interrupted for event in conversation.counts.finished] == [False, True, False]
