"""Participants that play a tone, and a record of what another participant hears of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.listening import LISTENING_FORMAT, RemoteAudio
from avatar_core.contracts.tracks import AudioTrack
from tests.room_link.rooms import FORMAT

FRAME_S = 0.02
LOW_HZ, HIGH_HZ = 500, 1500
LOUD = 1000
"""Least amplitude of a tone that is heard; each tone is played with the amplitude 8000."""
WINDOW_FRAMES = 10


def tone(hz: int) -> bytes:
    """Return one frame of a tone; whole periods, so that frames follow each other smoothly."""
    at_s = np.arange(round(FRAME_S * FORMAT.rate_hz)) / FORMAT.rate_hz
    return (8000 * np.sin(2 * np.pi * hz * at_s)).astype("<i2").tobytes()


async def play(audio: AudioTrack, hz: int, duration_s: float) -> None:
    """Play a tone in real time; the queue of the track sets the pace."""
    for _ in range(round(duration_s / FRAME_S)):
        await audio.capture(tone(hz))


class Speaker:
    """Plays a tone on a new track until it is stopped; used with `async with`.

    Attributes:
        track: The track, which stays published after the end of the tone.
    """

    track: AudioTrack

    def __init__(self, link: RoomLink, hz: int = LOW_HZ) -> None:
        self._link, self._hz = link, hz
        self._is_speaking = True

    async def __aenter__(self) -> Speaker:
        self.track = await self._link.publish_audio(FORMAT, name=f"tone-{self._hz}")
        self._task = asyncio.create_task(self._speak())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_speaking = False
        await self._task

    async def unpublish(self) -> None:
        """End the tone, and unpublish the track. LiveKit never plays audio that comes later."""
        self._is_speaking = False
        await self._task
        await self.track.unpublish()

    async def _speak(self) -> None:
        while self._is_speaking:
            await play(self.track, self._hz, FRAME_S)


class Heard:
    """Records the audio that a `RemoteAudio` decodes.

    Attributes:
        frames: The pieces of audio, in order.
    """

    def __init__(self, audio: RemoteAudio) -> None:
        self._news = asyncio.Event()
        self.frames: list[bytes] = []
        audio.decode(self._record)

    def amplitude(self, hz: int) -> float:
        """Return the amplitude of a tone in the last 0.2 s."""
        if not self.frames:
            return 0.0
        samples = np.frombuffer(b"".join(self.frames[-WINDOW_FRAMES:]), "<i2")
        turns = np.exp(-2j * np.pi * hz * np.arange(len(samples)) / LISTENING_FORMAT.rate_hz)
        return float(2 * abs(np.mean(samples * turns)))

    def hears(self, *tones_hz: int) -> bool:
        """Return whether exactly these of the two tones are heard now."""
        loud = {hz for hz in (LOW_HZ, HIGH_HZ) if self.amplitude(hz) > LOUD}
        return len(self.frames) >= WINDOW_FRAMES and loud == set(tones_hz)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after each piece of audio."""
        while not condition():
            await self._news.wait()
            self._news.clear()

    async def wait_for_tones(self, *tones_hz: int) -> None:
        """Wait until exactly these tones are heard."""
        await self.wait_until(lambda: self.hears(*tones_hz))

    async def wait_for_frames(self, count: int) -> None:
        """Wait until this many more pieces of audio have arrived."""
        until = len(self.frames) + count
        await self.wait_until(lambda: len(self.frames) >= until)

    def _record(self, pcm: bytes) -> None:
        self.frames.append(pcm)
        self._news.set()


async def count_while(audio: RemoteAudio, work: Coroutine[Any, Any, None]) -> int:
    """Return the number of packets that arrive while a coroutine runs."""
    before = await audio.count_packets()
    await work
    after = await audio.count_packets()
    assert before is not None
    assert after is not None
    return after - before
