"""A stock worker in a room in memory plays, reports and fails as its scenario requires."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from avatar_core.contracts import wire
from avatar_core.contracts.errors import ConfigError, RoomError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.ping import is_alive
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, HeardWord, WordTones
from avatar_core.testing.clock import now
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.flash_renderer import rms_of
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import mint
from avatar_core.worker.process import stop_worker

pytestmark = pytest.mark.virtual_time

FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
AVATAR = "avatar"
FORMAT = {"sample_rate": "24000", "num_channels": "1"}
CHUNK = 960
SPOKEN_WORDS = VOCABULARY[:6]
SPEECH_S = WORD_S * len(SPOKEN_WORDS)
FAULT_S = 3 * WORD_S - 0.05
BEFORE = list(SPOKEN_WORDS[:3])
"""The words before `FAULT_S`."""
PATIENCE_S = 20.0


class StockAgent:
    """An agent of livekit-agents that speaks to one worker, and records the worker's RPCs.

    Attributes:
        room: The room.
        reports: Method, payload and loop time in seconds of each RPC of the worker.
    """

    def __init__(self) -> None:
        self.room = MemoryRoom()
        self.reports: list[tuple[str, str, float]] = []
        self._link = self.room.agent()
        for method in (wire.PLAYBACK_STARTED, wire.PLAYBACK_FINISHED):
            self._link.router.rpc(method, AVATAR, self._recorder(method))

    async def speak(self) -> float:
        """Send the words at once; return the loop time in seconds."""
        at = now()
        writer = await self._link.open_stream(wire.AUDIO_STREAM, to=[AVATAR], attributes=FORMAT)
        pcm = WordTones().speak(SPOKEN_WORDS)
        for start in range(0, len(pcm), CHUNK):
            await writer.write(pcm[start : start + CHUNK])
        await writer.aclose()
        return at

    async def speak_to_the_end(self) -> float:
        """Speak, and wait until every playback has ended; return the time of the start."""
        at = await self.speak()
        await asyncio.sleep(PATIENCE_S)
        return at

    async def clear(self) -> str:
        """Interrupt the worker."""
        return await self._link.call(AVATAR, wire.CLEAR_BUFFER, "", timeout_s=1.0)

    async def is_worker_alive(self) -> bool:
        """Return whether the worker responds to an RPC that it does not serve."""
        return await is_alive(self._link, AVATAR, 1.0)

    def heard(self) -> list[HeardWord]:
        """Return the words that a listener heard, with loop times in seconds."""
        return self.room.recording.tones()

    def heard_texts(self) -> list[str]:
        """Return the texts of the words that a listener heard."""
        return [word.word for word in self.heard()]

    def tracks(self) -> set[str]:
        """Return the kinds of the worker's published tracks."""
        return self.room.members[AVATAR].tracks

    def finishes(self) -> list[tuple[wire.Finished, float]]:
        """Return the reports of an end, with their loop times in seconds."""
        return [
            (wire.Finished.decode(payload), at)
            for method, payload, at in self.reports
            if method == wire.PLAYBACK_FINISHED
        ]

    def _recorder(self, method: str) -> Callable[[str, str], str]:
        def record(_: str, payload: str) -> str:
            self.reports.append((method, payload, now()))
            return wire.OK

        return record


@asynccontextmanager
async def conversation(faults: str) -> AsyncIterator[StockAgent]:
    """Run a stock worker with faults, and its agent."""
    agent = StockAgent()
    token = mint(TokenSpec(identity=AVATAR, attributes={wire.PUBLISH_ON_BEHALF: "agent"}))
    scenario = Scenario.parse(f"stock=1,{faults}")
    options = {"width": 64, "height": 64}
    state = await start_faulty_task(
        agent.room, FLASH, token=token, options=options, scenario=scenario
    )
    try:
        yield agent
    finally:
        await stop_worker(state)


async def test_worker_without_faults_plays_and_reports_every_word() -> None:
    async with conversation("") as agent:
        began = await agent.speak_to_the_end()
        assert agent.heard_texts() == list(SPOKEN_WORDS)
        ((finished, at),) = agent.finishes()
        assert finished == wire.Finished(pytest.approx(SPEECH_S), False)
        assert at - began == pytest.approx(SPEECH_S, abs=0.3)


@pytest.mark.parametrize(
    ("fault", "tracks"),
    [
        ("silent_at_s", {"audio", "video"}),
        ("mutes_at_s", {"video"}),
        ("server_mutes_at_s", {"video"}),
        ("unpublishes_at_s", {"video"}),
        ("revoked_at_s", set()),
    ],
)
async def test_inaudible_worker_reports_a_normal_end(fault: str, tracks: set[str]) -> None:
    async with conversation(f"by_speech=1,{fault}={FAULT_S}") as agent:
        await agent.speak_to_the_end()
        assert agent.heard_texts() == BEFORE
        assert agent.tracks() == tracks
        ((finished, _),) = agent.finishes()
        assert finished == wire.Finished(pytest.approx(SPEECH_S), False)


@pytest.mark.parametrize("fault", ["playout_stall_at_s", "hang_at_s"])
async def test_worker_that_stops_for_good_reports_no_end(fault: str) -> None:
    async with conversation(f"by_speech=1,{fault}={FAULT_S}") as agent:
        await agent.speak_to_the_end()
        assert agent.heard_texts()[: len(BEFORE)] == BEFORE
        assert len(agent.heard_texts()) < len(SPOKEN_WORDS)
        assert agent.finishes() == []
        assert agent.tracks() == {"audio", "video"}


@pytest.mark.parametrize("fault", ["playout_stall", "hang"])
async def test_worker_that_stops_for_a_time_plays_every_word(fault: str) -> None:
    async with conversation(f"by_speech=1,{fault}_at_s={FAULT_S},{fault}_s=2") as agent:
        await agent.speak_to_the_end()
        heard = agent.heard()
        shares = Counter[str]()
        for word in heard:
            shares[word.word] += word.share  # type: ignore[assignment]
        assert shares == dict.fromkeys(SPOKEN_WORDS, pytest.approx(1.0, abs=0.2))
        gaps_s = [b.start_s - a.end_s for a, b in itertools.pairwise(heard)]
        assert max(gaps_s) == pytest.approx(2.0, abs=0.2)


async def test_clear_during_a_stall_drops_the_audio() -> None:
    async with conversation(f"by_speech=1,playout_stall_at_s={FAULT_S},playout_stall_s=3") as agent:
        await agent.speak()
        await asyncio.sleep(2.0)
        heard = agent.heard_texts()
        assert await agent.clear() == wire.OK
        await asyncio.sleep(PATIENCE_S)
        assert agent.heard_texts() == heard
        ((finished, _),) = agent.finishes()
        assert finished.interrupted


async def test_hanging_worker_responds_only_to_calls_that_it_does_not_serve() -> None:
    async with conversation("hang_at_s=1") as agent:
        await asyncio.sleep(2.0)
        assert await agent.is_worker_alive()
        with pytest.raises(RoomError):
            await agent.clear()


async def test_frozen_worker_responds_to_no_calls() -> None:
    async with conversation("freeze_at_s=1") as agent:
        await asyncio.sleep(2.0)
        assert not await agent.is_worker_alive()


async def test_worker_without_an_audio_track_is_not_heard() -> None:
    async with conversation("no_audio_track=1") as agent:
        await agent.speak_to_the_end()
        assert agent.room.recording.runs == []
        assert agent.tracks() == {"video"}
        assert len(agent.finishes()) == 1


@pytest.mark.parametrize("fault", ["ignores_audio", "discards_audio"])
async def test_worker_that_plays_no_audio_reports_nothing(fault: str) -> None:
    async with conversation(f"{fault}=1") as agent:
        await agent.speak_to_the_end()
        assert agent.room.recording.runs == []
        assert agent.tracks() == {"audio", "video"}
        assert agent.reports == []


@pytest.mark.parametrize("delay_s", [0.1, 1.0, 5.0])
async def test_late_worker_plays_later_and_reports_what_was_heard(delay_s: float) -> None:
    async with conversation(f"playout_delay_s={delay_s}") as agent:
        began = await agent.speak_to_the_end()
        assert agent.heard_texts() == list(SPOKEN_WORDS)
        assert agent.heard()[0].start_s - began == pytest.approx(delay_s, abs=0.1)
        ((_, at),) = agent.finishes()
        assert at > agent.heard()[-1].end_s


async def test_late_worker_with_early_reports_finishes_before_it_was_heard() -> None:
    async with conversation("playout_delay_s=3,reports_early=1") as agent:
        began = await agent.speak_to_the_end()
        assert agent.heard_texts() == list(SPOKEN_WORDS)
        assert [method for method, _, _ in agent.reports] == [
            wire.PLAYBACK_STARTED,
            wire.PLAYBACK_FINISHED,
        ]
        ((finished, at),) = agent.finishes()
        assert finished == wire.Finished(pytest.approx(SPEECH_S), False)
        assert at - began == pytest.approx(SPEECH_S, abs=0.1)


async def test_late_worker_with_early_reports_reports_an_interruption() -> None:
    async with conversation("playout_delay_s=0.5,reports_early=1") as agent:
        await agent.speak()
        await asyncio.sleep(1.0)
        await agent.clear()
        await asyncio.sleep(PATIENCE_S)
        ((finished, _),) = agent.finishes()
        assert finished.interrupted
        assert finished.position_s == pytest.approx(0.5, abs=0.1)


async def test_worker_that_reports_nothing_plays_every_word() -> None:
    async with conversation("reports_nothing=1") as agent:
        await agent.speak_to_the_end()
        assert agent.heard_texts() == list(SPOKEN_WORDS)
        assert agent.reports == []


async def test_music_plays_while_the_agent_is_silent() -> None:
    async with conversation("music_rms=0.025") as agent:
        await asyncio.sleep(2.0)
        music_s = agent.room.recording.seconds(AVATAR)
        await agent.speak_to_the_end()
        assert music_s == pytest.approx(2.0, abs=0.1)
        assert agent.heard_texts() == list(SPOKEN_WORDS)


async def test_worker_greets_without_audio_of_the_agent() -> None:
    async with conversation("greeting_at_s=1") as agent:
        began = now()
        await asyncio.sleep(3.0)
        (run,) = agent.room.recording.runs
        size = run.format.size(0.9)
        before = run.format.size(began + 0.9 - run.at_s) // 2 * 2
        assert rms_of(bytes(run.pcm[:before])) == 0.0
        assert rms_of(bytes(run.pcm[before + size : before + 2 * size])) > 0.01
        assert agent.reports == []


async def test_stock_worker_applies_the_alterations_of_its_sound() -> None:
    async with conversation("gain=0.1") as agent:
        await agent.speak_to_the_end()
        (run,) = agent.room.recording.runs
        assert rms_of(bytes(run.pcm)) == pytest.approx(
            0.1 * rms_of(WordTones().speak(SPOKEN_WORDS)), rel=0.05
        )


@pytest.mark.parametrize("text", ["gain=-1", "drift=2", "playout_delay_s=-1", "music_rms=1.5"])
def test_scenario_refuses_values_that_are_out_of_range(text: str) -> None:
    with pytest.raises(ConfigError, match=text.partition("=")[0]):
        Scenario.parse(text)


def test_scenario_with_vendor_faults_survives_its_dictionary() -> None:
    scenario = Scenario.parse("gain=0.5,auto_gain,by_speech,silent_at_s=2,seed=3")
    assert scenario.as_dict() == {
        "gain": 0.5,
        "auto_gain": True,
        "by_speech": True,
        "silent_at_s": 2.0,
        "seed": 3,
    }
    assert Scenario.read(scenario.as_dict()) == scenario
