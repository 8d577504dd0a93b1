"""Each end of the line with the other end that livekit-agents ships."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing.server import DevServer
from benchmarks.bench.workers import StockWorkerProvider
from tests.livekit.entry import token
from tests.livekit.in_process import RATE_HZ, OurWorker
from tests.livekit.stage import MORE_WORDS, TEST_S, WORDS, Stage

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

LAST_WORDS = ("xray", "yankee", "zulu", "zero")
CUT_AT = MORE_WORDS[2]
FINISHED_WITHIN_S = 1.0
OURS_FALLS_SILENT_S = 0.3
STOCK_FALLS_SILENT_S = 0.6
"""A stock worker empties its generator at a clear, and neither its synchronizer nor its queue."""
HEARS_AVATAR_S = 0.2
AVATAR = "our-avatar"


class StockAgentStage(Stage):
    """An agent as livekit-agents' own plugins make it, and our worker."""

    worker_here: OurWorker | None = None

    def __init__(self, server: DevServer) -> None:
        super().__init__(server, "voice", joined=False)

    async def bring_avatar(self) -> None:
        self.worker_here = await OurWorker.join(
            self.server.url,
            token(self.server, self.room_name, AVATAR, "agent", {PUBLISH_ON_BEHALF: "agent"}),
        )
        self.session.output.audio = DataStreamAudioOutput(
            self.room,
            destination_identity=AVATAR,
            sample_rate=RATE_HZ,
            wait_remote_track=rtc.TrackKind.KIND_VIDEO,
        )
        # It speaks as soon as the picture is published; a listener subscribes a moment later.
        await self.hearing.silence(HEARS_AVATAR_S)

    async def dismiss_avatar(self) -> None:
        if self.worker_here is not None:
            await self.worker_here.aclose()


async def three_turns(stage: Stage, falls_silent_s: float) -> None:
    """One in full, one interrupted, one more in full."""
    await stage.say_all(WORDS)
    turn = stage.say(MORE_WORDS)
    await stage.heard_word(CUT_AT)
    cut_at = asyncio.get_running_loop().time()
    turn.handle.interrupt()
    await turn.handle
    finished_s = asyncio.get_running_loop().time() - cut_at
    await stage.quiet(0.5)
    last_sound_s = stage.hearing.sounds()[-1][1] - cut_at
    assert finished_s <= FINISHED_WITHIN_S, stage.story()
    assert last_sound_s <= falls_silent_s, stage.story()
    await stage.say_all(LAST_WORDS)


async def test_our_agent_drives_a_stock_worker(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("stock-worker", StockWorkerProvider)
    async with asyncio.timeout(TEST_S), Stage(server, "stock-worker", registry=registry) as stage:
        await three_turns(stage, STOCK_FALLS_SILENT_S)
        stage.check(cut=MORE_WORDS[2:])
        assert stage.avatar.provider == "stock-worker"
        assert stage.errors == []


async def test_our_worker_serves_a_stock_agent(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), StockAgentStage(server) as stage:
        await three_turns(stage, OURS_FALLS_SILENT_S)
        # Its text runs by the clock and its audio reaches everybody; those laws are ours.
        stage.check_finishes()
        stage.check_words(cut=MORE_WORDS[2:])
        # The stock writer reaches everybody: `check_addressed` would see it.
        assert await stage.listener.data_bytes() > 0.5 * stage.speech_bytes
        assert [event.interrupted for event in stage.counts.finished] == [False, True, False]
