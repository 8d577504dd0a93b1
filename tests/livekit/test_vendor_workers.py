"""A stock worker in a room of a real server fails as its scenario requires."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.provisioning.ping import is_alive
from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, WordTones
from avatar_core.testing.faults.moderator import Moderator
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker_process import start_faulty_process
from avatar_core.testing.listener import Listener
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from avatar_core.worker.process import stop_worker
from tests.livekit.live_audio_meter import LiveAudioMeter

pytestmark = pytest.mark.livekit

FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
AVATAR = "avatar"
FORMAT = {"sample_rate": "24000", "num_channels": "1"}
CHUNK = 9600
SPOKEN_WORDS = VOCABULARY[:6]
FAULT_WORD = 3
"""The fault starts before the word with this index. On a busy machine, a fault that is not part of
the track itself starts late, and the listener's jitter buffer drops audio at the end of a track."""
FAULT_S = FAULT_WORD * WORD_S - 0.05
TEST_S = 30.0
SILENCE_S = 0.5
"""More than the pause between two words."""


class StockAgent:
    """An agent that sends audio to a stock worker, and a listener that hears the worker.

    Attributes:
        link: The agent's link to the room.
        meter: Measures what the listener hears.
        moderator: Acts as the server.
        finished: Set when the worker has reported the end of a segment.
    """

    def __init__(self, server: DevServer, link: RtcLink, meter: LiveAudioMeter) -> None:
        self.link, self.meter = link, meter
        self.moderator = Moderator(livekit_settings(server), link.room_name)
        self.finished = asyncio.Event()
        link.router.rpc(wire.PLAYBACK_FINISHED, AVATAR, self._finish)

    async def speak(self) -> None:
        """Send the words at once."""
        writer = await self.link.open_stream(wire.AUDIO_STREAM, to=[AVATAR], attributes=FORMAT)
        pcm = WordTones().speak(SPOKEN_WORDS)
        for start in range(0, len(pcm), CHUNK):
            await writer.write(pcm[start : start + CHUNK])
        await writer.aclose()

    def tracks(self) -> frozenset[str]:
        """Return the kinds of the worker's tracks that are published and not muted."""
        return self.link.remote_participants()[AVATAR].tracks

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return once a condition holds after an event of the room."""
        happened = asyncio.Event()
        stop_watching = self.link.watch(lambda *_: happened.set())
        try:
            while not holds():
                await happened.wait()
                happened.clear()
        finally:
            stop_watching()

    def heard(self) -> list[str]:
        """Return the texts of the words that the listener heard."""
        return [word.word for word in self.meter.decode()]

    def _finish(self, _: str, __: str) -> str:
        self.finished.set()
        return wire.OK


@asynccontextmanager
async def conversation(server: DevServer, faults: str) -> AsyncIterator[StockAgent]:
    """Run a stock worker with faults, its agent and a listener."""
    room = f"vendor-{secrets.token_hex(4)}"
    meter = LiveAudioMeter()
    attributes = {wire.PUBLISH_ON_BEHALF: "agent"}
    async with asyncio.timeout(TEST_S):
        link = await join(server.url, create_token(server, room, "agent", "agent"))
        listener = await Listener.join(server.url, create_token(server, room, "user"), meter.add)
        agent = StockAgent(server, link, meter)
        state = await start_faulty_process(
            FLASH,
            livekit_url=server.url,
            token=create_token(server, room, AVATAR, "agent", attributes),
            options={"width": 64, "height": 64},
            scenario=Scenario.parse(f"stock=1,{faults}"),
        )
        try:
            await agent.wait_until(lambda: AVATAR in link.remote_participants())
            yield agent
        finally:
            await stop_worker(state)
            await listener.aclose()
            await link.aclose()


@pytest.mark.parametrize(
    ("fault", "tracks"),
    [
        pytest.param("silent_at_s", {"audio", "video"}),
        pytest.param("mutes_at_s", {"video"}, marks=pytest.mark.slow),
        pytest.param("unpublishes_at_s", {"video"}, marks=pytest.mark.slow),
    ],
)
async def test_inaudible_worker_reports_a_normal_end(
    server: DevServer, fault: str, tracks: set[str]
) -> None:
    async with conversation(server, f"by_speech=1,{fault}={FAULT_S}") as agent:
        await agent.wait_until(lambda: agent.tracks() == {"audio", "video"})
        await agent.meter.wait_for_silence(0.2)  # the listener has subscribed
        await agent.speak()
        await agent.finished.wait()
        await agent.wait_until(lambda: agent.tracks() == tracks)
        heard = agent.heard()
        assert heard == list(SPOKEN_WORDS[: len(heard)])
        assert abs(len(heard) - FAULT_WORD) <= 1, heard


async def test_hanging_worker_responds_only_to_calls_that_it_does_not_serve(
    server: DevServer,
) -> None:
    async with conversation(server, f"by_speech=1,hang_at_s={FAULT_S}") as agent:
        await agent.wait_until(lambda: "audio" in agent.tracks())
        await agent.speak()
        await agent.meter.wait_for_word(SPOKEN_WORDS[FAULT_WORD - 1])
        await agent.meter.wait_for_silence(SILENCE_S)
        assert await is_alive(agent.link, AVATAR, 1.0)
        with pytest.raises(RoomError):
            await agent.link.call(AVATAR, wire.CLEAR_BUFFER, "", timeout_s=1.0)
        assert agent.tracks() == {"audio", "video"}
        assert not agent.finished.is_set()


@pytest.mark.slow
async def test_worker_without_an_audio_track_publishes_video_only(server: DevServer) -> None:
    async with conversation(server, "no_audio_track=1") as agent:
        await agent.wait_until(lambda: agent.tracks() == {"video"})
        await agent.speak()
        await agent.finished.wait()
        assert agent.heard() == []


@pytest.mark.slow
async def test_server_mutes_a_track_and_revokes_a_permission(server: DevServer) -> None:
    async with conversation(server, "") as agent:
        await agent.wait_until(lambda: agent.tracks() == {"audio", "video"})
        await agent.moderator.mute(AVATAR)
        await agent.wait_until(lambda: agent.tracks() == {"video"})
        await agent.moderator.revoke_permission(AVATAR)
        await agent.wait_until(lambda: agent.tracks() == set())
