"""A listener in a process of its own, so that its CPU time does not affect the measurement."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np
from livekit import rtc

from avatar_core.contracts.clock import loop_time
from avatar_core.testing.audio.meter import AudioMeter, LightMeter, Span, brightness_of
from avatar_core.testing.children import ChildProcess, run_as_child
from avatar_core.testing.flash_renderer import LOUD_RMS
from avatar_core.testing.listener import Listener

POLL_S = 0.1


@dataclass(slots=True)
class Received:
    """The audio and video that a listener received; times are seconds on the monotonic clock.

    Attributes:
        sounds: Start and end time of each sound, by the name of its audio track.
        flashes: Times at which the video changed from dark to bright.
        spoken_words: Text, start time and received share (0 to 1) of each recognised word, by the
            name of its audio track.
        first_frame_at: Arrival time of the first video frame in the room; 0 before any frame.
        data_bytes: Bytes of data packets that the listener has received since it joined.
    """

    sounds: dict[str, list[Span]] = field(default_factory=dict)
    flashes: list[float] = field(default_factory=list)
    spoken_words: dict[str, list[tuple[str, float, float]]] = field(default_factory=dict)
    first_frame_at: float = 0.0
    data_bytes: int = 0

    @property
    def first(self) -> float | None:
        """The start time of the first sound on any track; None if there are no sounds."""
        return min((spans[0][0] for spans in self.sounds.values() if spans), default=None)

    @property
    def last(self) -> float | None:
        """The end time of the last sound on any track; None if there are no sounds."""
        return max((spans[-1][1] for spans in self.sounds.values() if spans), default=None)

    @property
    def onsets(self) -> list[float]:
        """The start times of all sounds, on all tracks, in order."""
        return sorted(start for spans in self.sounds.values() for start, _ in spans)

    def shares(self) -> dict[str, float]:
        """Return how much of each word the listener received.

        Returns:
            The received share of each word, as a sum over all tracks; 1 is the complete word.
        """
        shares: dict[str, float] = defaultdict(float)
        for track in self.spoken_words.values():
            for word, _, share in track:
                shares[word] += share
        return shares


class RemoteListener:
    """The controller of a listener that runs in a child process.

    Args:
        child: The child process of the listener.
    """

    def __init__(self, child: ChildProcess) -> None:
        self._child = child

    @classmethod
    async def start(cls, url: str, token: str) -> Self:
        """Start a process that joins a room.

        Args:
            url: WebSocket URL of the livekit-server.
            token: An access token with permission to subscribe to tracks.

        Returns:
            The controller of the listener in the process.

        Raises:
            WorkerError: The process exited before the listener had joined the room.
        """
        return cls(await ChildProcess.start("benchmarks.bench.listening", url=url, token=token))

    async def read(self, since: float) -> Received:
        """Return what the listener has received since a time.

        Args:
            since: The time in seconds on the monotonic clock.

        Returns:
            The audio and video that arrived since then.
        """
        self._child.send_line(since)
        return Received(**json.loads(await self._child.read_line()))

    async def wait_for_video(self) -> float:
        """Wait until the listener has received a video frame.

        Returns:
            The arrival time of the first frame, in seconds on the monotonic clock.
        """
        while not (at := (await self.read(loop_time())).first_frame_at):  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
        return at

    async def stop(self) -> None:
        """Leave the room, and end the process."""
        await self._child.stop()


class _Meters:
    """The meters of audio and video in the process of the listener."""

    def __init__(self) -> None:
        self.audio: dict[str, AudioMeter] = {}
        self.light = LightMeter()
        self.first_frame_at = 0.0

    def add_audio(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        self.audio.setdefault(track, AudioMeter(LOUD_RMS)).add(track, at_s, pcm, rate_hz)

    def add_video(self, _: str, at_s: float, stamp_s: float, frame: rtc.VideoFrame) -> None:
        self.first_frame_at = self.first_frame_at or at_s
        luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
        self.light.add(at_s, brightness_of(luma[::16]), stamp_s)

    def read(self, since: float) -> Received:
        received = Received(first_frame_at=self.first_frame_at)
        received.flashes = [start for start, _ in self.light.flashes(since)]
        for track, meter in self.audio.items():
            if spans := meter.sounds(since):
                received.sounds[track] = spans
                received.spoken_words[track] = [
                    (word.word, word.start_s, word.share) for word in meter.decode(since)
                ]
        return received


async def _serve(url: str, token: str) -> None:
    meters = _Meters()
    listener = await Listener.join(url, token, meters.add_audio, meters.add_video)
    loop, requests = asyncio.get_running_loop(), asyncio.Queue[str]()
    loop.add_reader(sys.stdin, lambda: requests.put_nowait(sys.stdin.readline()))
    _write_line("READY")
    while request := await requests.get():
        received = meters.read(json.loads(request))
        received.data_bytes = await listener.data_bytes()
        _write_line(json.dumps(asdict(received)))
    await listener.aclose()


def _write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_as_child(_serve)
