"""A participant of a room in memory hears another participant exactly in loop time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.listening import LISTENING_FORMAT
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import CRASH_S, LISTENING_DELAY_S, MemoryRoom

pytestmark = pytest.mark.virtual_time

LOUD = 8000
FRAME_S = 0.02


class Listener:
    """Records the time and the audio of each frame that an agent hears of the avatar."""

    def __init__(self, room: MemoryRoom) -> None:
        self.frames: list[tuple[float, bytes]] = []
        self.audio = room.agent().listen("avatar")
        self.audio.decode(lambda pcm: self.frames.append((now(), pcm)))

    def onset_s(self) -> float:
        """Return the time at which the first loud sample is heard."""
        for at_s, pcm in self.frames:
            loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > LOUD / 2)
            if loud.size:
                return at_s - FRAME_S + float(loud[0]) / LISTENING_FORMAT.rate_hz
        raise AssertionError("no frame is loud")

    def loud_s(self) -> float:
        """Return how many seconds of the audio are loud."""
        pcm = b"".join(pcm for _, pcm in self.frames)
        loud = np.count_nonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > LOUD / 2)
        return float(loud) / LISTENING_FORMAT.rate_hz

    def last_at_s(self) -> float:
        """Return the time of the last frame."""
        return self.frames[-1][0]


def loud(format: AudioFormat, duration_s: float) -> bytes:
    """Return audio with a constant large value."""
    return np.full(format.size(duration_s) // 2, LOUD, "<i2").tobytes()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("frame_s", [0.01, 0.1])
async def test_sound_is_heard_after_the_delay_of_the_room(rate_hz: int, frame_s: float) -> None:
    room, format = MemoryRoom(), AudioFormat(rate_hz)
    listener = Listener(room)
    track = await room.join("avatar").publish_audio(format, name="voice")
    await asyncio.sleep(0.333)
    began = now()
    for _ in range(round(0.4 / frame_s)):
        await track.capture(loud(format, frame_s))
    await asyncio.sleep(1.0)
    assert listener.onset_s() == pytest.approx(began + LISTENING_DELAY_S, abs=0.001)
    assert listener.loud_s() == pytest.approx(0.4, abs=0.002)


async def test_delay_of_the_room_can_be_set() -> None:
    room = MemoryRoom()
    room.listening_delay_s = 0.3
    listener = Listener(room)
    track = await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    await asyncio.sleep(0.1)
    began = now()
    await track.capture(loud(LISTENING_FORMAT, 0.1))
    await asyncio.sleep(1.0)
    assert listener.onset_s() == pytest.approx(began + 0.3, abs=0.001)


async def test_cleared_audio_is_heard_until_the_clear() -> None:
    room = MemoryRoom()
    listener = Listener(room)
    track = await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    await track.capture(loud(LISTENING_FORMAT, 0.15))
    await asyncio.sleep(0.07)
    track.clear()
    await asyncio.sleep(1.0)
    assert listener.loud_s() == pytest.approx(0.07, abs=0.001)
    assert len(listener.frames) == pytest.approx(50, abs=2), "a track sends silence for ever"


def frozen(room: MemoryRoom) -> None:
    room.members["avatar"].link.freeze()


def crashed(room: MemoryRoom) -> None:
    room.crash("avatar")


@pytest.mark.parametrize("happen", [frozen, crashed])
async def test_frozen_or_crashed_participant_sends_nothing(
    happen: Callable[[MemoryRoom], None],
) -> None:
    room = MemoryRoom()
    listener = Listener(room)
    track = await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    await asyncio.sleep(1.0)
    await track.capture(loud(LISTENING_FORMAT, 0.15))
    happen(room)
    happened_s, packets = now(), await listener.audio.count_packets()
    assert packets == 50
    await asyncio.sleep(CRASH_S / 2)
    assert await listener.audio.count_packets() == packets
    assert listener.loud_s() == 0
    assert listener.last_at_s() <= happened_s + LISTENING_DELAY_S


async def test_removed_participant_is_not_subscribed() -> None:
    room = MemoryRoom()
    listener = Listener(room)
    await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    await asyncio.sleep(1.0)
    room.remove("avatar")
    assert await listener.audio.count_packets() is None


async def test_packets_of_a_frozen_listener_stand_still() -> None:
    room = MemoryRoom()
    listener = Listener(room)
    await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    await asyncio.sleep(1.0)
    room.members["agent"].link.freeze()
    frames, packets = len(listener.frames), await listener.audio.count_packets()
    await asyncio.sleep(1.0)
    assert await listener.audio.count_packets() == packets == 50
    assert len(listener.frames) == frames


async def test_nothing_runs_while_the_sound_is_not_decoded() -> None:
    room = MemoryRoom()
    listener = Listener(room)
    await room.join("avatar").publish_audio(LISTENING_FORMAT, name="voice")
    listener.audio.decode(None)
    await asyncio.sleep(5.0)  # timers of the room end
    loop = asyncio.get_running_loop()
    iterations = 0

    def count() -> None:
        nonlocal iterations
        iterations += 1

    original = loop.call_at
    loop.call_at = lambda *given, **named: (count(), original(*given, **named))[1]  # type: ignore[method-assign]
    await asyncio.sleep(60.0)
    loop.call_at = original  # type: ignore[method-assign]
    assert iterations <= 1, "only this test sets a timer"
    assert await listener.audio.count_packets() == 65 * 50
