"""The player plays an hour of speech in 3.6 s of CPU time on two idle cores."""

from __future__ import annotations

import asyncio
import time

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import Take
from avatar_core.playback.player import Player
from avatar_core.playback.segment import Segment
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now, run
from avatar_core.testing.fake_transport import MONO, FakeTransport, speech
from avatar_core.testing.timeline import Timeline

SEGMENTS, SEGMENT_S = 360, 10.0
MAX_CPU_S = 30.0
"""Much more than on an idle machine, because other work may share this one."""


class FinishCounter:
    """A player observer that waits for a number of finished segments."""

    def __init__(self, count: int) -> None:
        self.remaining = count
        self.heard_s = 0.0
        self.over = asyncio.Event()

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Do nothing."""

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Do nothing."""

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        self.remaining -= 1
        self.heard_s += segment.position_s
        if self.remaining == 0:
            self.over.set()

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        raise error

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Do nothing."""


class FixedChooser:
    """Always chooses the same transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def at_start(self) -> Transport:
        return self._transport

    async def after_loss(self) -> Transport:
        raise AssertionError


def test_hour_of_speech_plays_in_at_most_30_s_of_cpu_time() -> None:
    async def speak() -> None:
        observer = FinishCounter(SEGMENTS)
        player = Player(observer)
        player.use(FixedChooser(FakeTransport("avatar", Timeline(), report_s=0.1).transport))
        pcm = speech(SEGMENT_S)
        for _ in range(SEGMENTS):
            player.push(pcm, MONO)
            player.end()
        await observer.over.wait()
        assert abs(observer.heard_s - SEGMENTS * SEGMENT_S) < 0.1
        assert now() < SEGMENTS * (SEGMENT_S + 0.2)
        await player.aclose()

    began = time.process_time()
    run(speak())
    assert time.process_time() - began < MAX_CPU_S
