"""Capabilities: numbers that cannot be used, and the run-ahead that a provider declares."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import FORMAT, ScriptedProvider
from tests.unit.test_lease import start_harness


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_ahead_s", -1.0),
        ("run_ahead_s", math.nan),
        ("run_ahead_s", math.inf),
        ("run_ahead_s", 10.1),
        ("run_ahead_s", "1"),
        ("playout_latency_s", -0.1),
        ("expected_join_s", math.inf),
        ("max_session_s", -60.0),
    ],
)
def test_invalid_number_raises_when_the_class_is_defined(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):

        class _Provider(ScriptedProvider):
            capabilities = Capabilities(**{name: value})


class PieceSink(ByteStreamSink):
    """Collects audio, and sends it in pieces of one length."""

    def __init__(self, ctx: SinkContext, piece_s: float) -> None:
        super().__init__(ctx)
        self._size = FORMAT.size(piece_s)
        self._rest = b""
        self.sent: list[int] = []

    async def begin(self, take: Take) -> None:
        self._rest = b""
        await super().begin(take)

    async def push(self, chunk: bytes) -> None:
        self._rest += chunk
        while len(self._rest) >= self._size:
            await self._send(self._size)

    async def end(self, take: Take) -> None:
        await self._send(len(self._rest))
        await super().end(take)

    async def _send(self, size: int) -> None:
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.sent.append(len(piece))
        await super().push(piece)


class PieceProvider(ScriptedProvider):
    """A provider with a sink of its own."""

    def __init__(self, room: MemoryRoom, piece_s: float, run_ahead_s: float) -> None:
        super().__init__(room)
        self.capabilities = replace(self.capabilities, run_ahead_s=run_ahead_s)
        self._piece_s = piece_s
        self.sinks: list[PieceSink] = []

    def create_sink(self, ctx: SinkContext) -> AudioSink:
        self.sinks.append(PieceSink(ctx, self._piece_s))
        return self.sinks[-1]


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("piece_s", "run_ahead_s"), [(1.0, 3.0), (1.0, 1.0), (0.97, 1.0), (4.0, 8.0), (0.6, 0.7)]
)
@pytest.mark.parametrize("is_live", [False, True])
async def test_sink_that_sends_whole_pieces_plays_all_audio(
    piece_s: float, run_ahead_s: float, is_live: bool
) -> None:
    """Speech comes at once, or as fast as it is spoken."""
    room = MemoryRoom()
    provider = PieceProvider(room, piece_s, run_ahead_s)
    harness = await start_harness(provider, room=room)
    began = now()
    over = harness.finished[1] = asyncio.get_running_loop().create_future()
    pcm = speech(9.5)
    step = FORMAT.size(0.1)
    for start in range(0, len(pcm), step):
        harness.player.push(pcm[start : start + step], FORMAT)
        if is_live:
            await asyncio.sleep(0.1)
    harness.player.end()
    async with asyncio.timeout(60.0):
        assert await over == (pytest.approx(9.5, abs=0.01), False)
    assert harness.takes == [("vendor", "done")]
    assert FORMAT.size(piece_s) in provider.sinks[0].sent
    assert now() - began < 9.5 + piece_s + 9.5 / piece_s * 0.2 + 0.5
    await harness.close()


@pytest.mark.virtual_time
async def test_declared_run_ahead_is_sent() -> None:
    room = MemoryRoom()
    provider = ScriptedProvider(room)
    provider.capabilities = replace(provider.capabilities, run_ahead_s=3.0)
    harness = await start_harness(provider, room=room)
    over = harness.push_speech(8.0)
    await asyncio.sleep(1.0)
    take = harness.player.take
    assert take is not None
    assert take.unheard_s == pytest.approx(3.0, abs=0.25)
    await over
    await harness.close()
