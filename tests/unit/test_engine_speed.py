"""The pure engine: an hour of speech in seconds (3.6 s on a quiet machine of two cores)."""

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
GENEROUS_S = 30.0
"""Other work shares the machine; the figure to quote is a quiet one's."""


class Counting:
    """A listener that waits for a number of finishes."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.heard_s = 0.0
        self.over = asyncio.Event()

    def started(self, segment: Segment, ago_s: float) -> None:
        """Nothing to do."""

    def progressed(self, segment: Segment, ago_s: float, offset_s: float, played_s: float) -> None:
        """Nothing to do."""

    def finished(self, segment: Segment, interrupted: bool) -> None:
        self.left -= 1
        self.heard_s += segment.position_s
        if self.left == 0:
            self.over.set()

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        raise error

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Nothing to do."""


class OneRoad:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def at_start(self) -> Transport:
        return self._transport

    async def after_loss(self) -> Transport:
        raise AssertionError


def test_an_hour_of_speech() -> None:
    async def speak() -> None:
        listener = Counting(SEGMENTS)
        player = Player(listener)
        player.use(OneRoad(FakeTransport("avatar", Timeline(), report_s=0.1).transport))
        pcm = speech(SEGMENT_S)
        for _ in range(SEGMENTS):
            player.push(pcm, MONO)
            player.end()
        await listener.over.wait()
        assert abs(listener.heard_s - SEGMENTS * SEGMENT_S) < 0.1
        assert now() < SEGMENTS * (SEGMENT_S + 0.2)
        await player.aclose()

    began = time.process_time()
    run(speak())
    assert time.process_time() - began < GENEROUS_S
