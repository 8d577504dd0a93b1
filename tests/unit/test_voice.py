"""The agent's own voice: real time, exact positions, immediate cuts."""

from __future__ import annotations

import asyncio
import random

import pytest

from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.player import Player
from avatar_core.playback.transport import Transport
from avatar_core.playback.voice import FRAME_S, QUEUED_S, VOICE_FORMAT, VoiceSink
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.link_spy import LinkSpy
from avatar_core.testing.playback_laws import PlaybackLaws
from avatar_core.testing.room.recording import Run
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.timeline import Timeline

pytestmark = pytest.mark.virtual_time


class VoiceHarness:
    """A player whose only transport is the voice."""

    def __init__(self) -> None:
        self.room = MemoryRoom()
        self.link = self.room.join("agent")
        self.spy = LinkSpy(self.link)
        self.sink = VoiceSink(self.link)
        self.timeline = Timeline()
        self.observer = PlaybackLaws(self.timeline)
        self.player = Player(self.observer)
        tracker = ClockTracker(self.sink.played_s, is_cut=self.sink.was_cut, tail_s=PLAYOUT_TAIL_S)
        self.transport = Transport(
            provider="voice", sink=self.sink, tracker=tracker, format=VOICE_FORMAT, run_ahead_s=0.2
        )
        self.player.use(self)

    async def at_start(self) -> Transport:
        await self.sink.open()
        return self.transport

    async def after_loss(self) -> Transport:
        return self.transport

    async def aclose(self) -> None:
        await self.player.aclose()
        await self.transport.tracker.aclose()

    def say(self, duration_s: float) -> bytes:
        pcm = speech(duration_s, VOICE_FORMAT)
        self.player.push(pcm, VOICE_FORMAT)
        self.player.end()
        return pcm

    @property
    def track(self) -> AudioTrack:
        assert self.spy.audio is not None
        return self.spy.audio

    @property
    def runs(self) -> list[Run]:
        """The audio that a listener heard, in runs without a gap."""
        return self.room.recording.runs

    @property
    def heard(self) -> bytes:
        """The audio of all frames that left the queue whole."""
        return b"".join(run.pcm for run in self.runs)

    @property
    def heard_s(self) -> float:
        """Seconds heard, with the part of the current frame that has left the queue."""
        current_s = now() - self.runs[-1].end_s if self.runs else 0.0
        return self.room.recording.seconds() + (current_s if current_s < FRAME_S else 0.0)


async def test_voice_plays_a_segment_in_real_time() -> None:
    voice = VoiceHarness()
    pcm = voice.say(1.234)
    await voice.observer.wait_finished(1)
    assert voice.heard[: len(pcm)] == pcm
    assert not any(voice.heard[len(pcm) :])
    assert now() == pytest.approx(1.234 + PLAYOUT_TAIL_S, abs=0.05)
    (run,) = voice.runs
    assert run.end_s - run.at_s == pytest.approx(1.24, abs=0.001), "there is a gap"
    assert voice.observer.position_s[1] == pytest.approx(1.234)
    await voice.aclose()


async def test_voice_keeps_its_queue_short() -> None:
    voice = VoiceHarness()
    voice.say(1.0)
    for _ in range(90):
        await asyncio.sleep(0.0101)
        assert voice.track.queued_s <= QUEUED_S + 1e-6
    await voice.observer.wait_finished(1)
    await voice.aclose()


@pytest.mark.parametrize("seed", range(12))
async def test_position_after_a_cut_is_the_audio_that_left_the_queue(seed: int) -> None:
    voice = VoiceHarness()
    voice.say(2.0)
    await asyncio.sleep(random.Random(seed).uniform(0.0, 2.1))
    before_s = voice.heard_s
    voice.player.clear()
    await voice.observer.wait_finished(1)
    heard_s = voice.room.recording.seconds()
    assert heard_s == pytest.approx(before_s, abs=0.0101), "more than the current frame was heard"
    assert voice.observer.position_s[1] == pytest.approx(min(heard_s, 2.0), abs=0.001)
    await asyncio.sleep(1.0)
    assert voice.room.recording.seconds() == heard_s
    await voice.aclose()


async def test_pauses_of_the_voice_lose_no_sample() -> None:
    voice = VoiceHarness()
    pcm = voice.say(2.0)
    for gap_s in (0.0, 0.123, 0.2345, 0.017, 0.3):
        await asyncio.sleep(gap_s)
        voice.player.pause()
        await asyncio.sleep(0.05)
        voice.player.resume()
    await voice.observer.wait_finished(1)
    assert len(voice.heard) == pytest.approx(len(pcm), abs=VOICE_FORMAT.size(0.011))
    positions = [take.position_s for take in voice.observer.takes]
    assert sum(positions) == pytest.approx(2.0, abs=1e-3)
    assert {take.state for take in voice.observer.takes} == {TakeState.CUT, TakeState.DONE}
    voice.timeline.check()
    await voice.aclose()


async def test_position_follows_the_heard_audio() -> None:
    voice = VoiceHarness()
    voice.say(2.0)
    await asyncio.sleep(0.1)
    while (take := voice.player.take) is not None and voice.heard_s < 1.9:
        assert voice.heard_s - 0.031 <= take.position_s <= voice.heard_s + 0.001
        await asyncio.sleep(0.037)
    await voice.observer.wait_finished(1)
    await voice.aclose()


async def test_segment_is_interrupted_if_the_room_accepts_no_track() -> None:
    voice = VoiceHarness()
    voice.spy.hang.add("audio")
    voice.say(1.0)
    async with asyncio.timeout(5.1):
        await voice.observer.wait_finished(1)
    assert voice.observer.interrupted[1]
    assert len(voice.observer.errors) == 1
    voice.spy.hang.clear()
    voice.say(0.5)
    await voice.observer.wait_finished(2)
    assert voice.observer.position_s[2] == pytest.approx(0.5)
    await voice.aclose()


async def test_aclose_unpublishes_the_track_once() -> None:
    voice = VoiceHarness()
    voice.say(1.0)
    await asyncio.sleep(0.3)
    events: list[RoomEvent] = []
    voice.room.join("listener").watch(lambda event, _: events.append(event))
    await voice.sink.aclose()
    await voice.sink.aclose()
    heard = voice.heard
    assert voice.room.members["agent"].tracks == set()
    await asyncio.sleep(1.0)
    assert events == [RoomEvent.TRACKS]
    assert voice.heard == heard, "audio was heard after the end"
    await voice.player.aclose()
    await voice.aclose()
