"""Noise as speech, and a scripted transport that plays it on loop time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.timeline import Timeline

MONO = AudioFormat(24_000)
EPSILON_S = 1e-6


def speech(duration_s: float, format: AudioFormat = MONO, *, seed: int = 0) -> bytes:
    """Words of noise, 0.3 s each, with 0.1 s of silence between: no two samples alike."""
    count = round(duration_s * format.rate_hz)
    noise = np.random.default_rng(seed).integers(-9000, 9000, (count, format.channels))
    silent = (np.arange(count) / format.rate_hz) % 0.4 >= 0.3
    noise[silent] = 0
    return noise.astype("<i2").tobytes()


@dataclass(slots=True)
class Run:
    """A stretch that was heard: from when, of which take, from which of its bytes on."""

    at: float
    take: Take
    start: int
    pcm: bytes


class FakeTransport(AudioSink, PlaybackTracker):
    """Plays what is pushed, in real virtual time, and does what its script says.

    Attributes:
        latency_s: From a pushed chunk to its sound.
        push_s: How long each push takes.
        begin_s: How long each begin takes.
        cut_s: When a cut is confirmed; None: never.
        obeys: Whether a cut silences it.
        report_s: Between reports.
        reports_done: Whether it ever says DONE.
        push_error: What a push raises.
        paused: Whether nothing may be sent.
        runs: What was heard.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        *,
        format: AudioFormat | None = None,
        run_ahead_s: float = 0.5,
        latency_s: float = 0.05,
        report_s: float = 0.05,
        cut_s: float | None = 0.02,
    ) -> None:
        self.name = name
        self.latency_s, self.report_s, self.cut_s = latency_s, report_s, cut_s
        self.push_s = self.begin_s = 0.0
        self.obeys = self.reports_done = True
        self.push_error: Exception | None = None
        self.paused: Callable[[], bool] = lambda: False
        self.dead = False
        self.runs: list[Run] = []
        self.begun: list[Take] = []
        self.most_ahead_s = 0.0
        self.transport = Transport(
            provider=name, sink=self, tracker=self, format=format, run_ahead_s=run_ahead_s
        )
        self._timeline = timeline
        self._take: Take | None = None
        self._queue: deque[Run] = deque()
        self._empty_at = 0.0
        self._received = self._settled = 0
        self._ended: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # The sink.

    async def open(self) -> None:
        return

    async def begin(self, take: Take) -> None:
        self._timeline.note(f"{self.name} begins {take}")
        if self._take is not None and not self._take.state.final:
            self._timeline.fault(f"{take} begins while {self._take} is on {self.name}")
        if self.begin_s:
            await asyncio.sleep(self.begin_s)
        self._stop_sound()
        self._take, self._received, self._settled = take, 0, 0
        self.begun.append(take)

    async def push(self, chunk: bytes) -> None:
        take = self._take
        if self.paused():
            self._timeline.fault(f"{self.name} was pushed audio in a pause")
        if take is None or take.cutting or take.ended or take.state.final:
            self._timeline.fault(f"{self.name} was pushed audio for {take}")
            return
        self.most_ahead_s = max(self.most_ahead_s, take.unheard_s)
        if self.push_error is not None:
            raise self.push_error
        if self.push_s:
            await asyncio.sleep(self.push_s)
        if not self.dead and not take.state.final:
            at = max(self._empty_at, now() + self.latency_s)
            self._queue.append(Run(at, take, self._received, chunk))
            self._empty_at = at + take.format.duration_s(len(chunk))
        self._received += len(chunk)

    async def end(self, take: Take) -> None:
        if self.push_s:
            await asyncio.sleep(self.push_s)
        self._ended.add(take.id)

    async def cut(self, take: Take) -> None:
        self._timeline.note(f"{self.name} cuts {take}")
        if self.dead or take is not self._take:
            return
        if self.obeys:
            self._stop_sound()
        if self.cut_s is not None:
            position_s = self.position_s(take)
            self._later(self.cut_s, take, position_s, TakeState.CUT)

    async def aclose(self) -> None:
        self._stop_sound()
        for task in self._tasks:
            task.cancel()

    # The tracker.

    def follow(self, take: Take) -> None:
        self._spawn(self._watch(take))

    @property
    def alive_at(self) -> float | None:
        return None

    async def _watch(self, take: Take) -> None:
        while not take.state.final and not self.dead:
            await asyncio.sleep(self.report_s)
            if take is not self._take or self.dead or take.cutting:
                continue
            position_s = self.position_s(take)
            complete = take.id in self._ended and self._empty_at <= now()
            if complete and self.reports_done:
                take.report(position_s, TakeState.DONE)
            else:
                take.report(position_s)

    # The script.

    def die(self) -> None:
        """Fall silent and say nothing more; pushes are still taken."""
        self._timeline.note(f"{self.name} dies")
        self._stop_sound()
        self.dead = True

    def split(self) -> None:
        """Say DONE before the end, as a worker does whose patience ran out."""
        take = self._take
        if take is not None and not self.dead and not take.ended:
            self._stop_sound()
            take.report(self.position_s(take), TakeState.DONE)

    def lie(self, position_s: float, state: TakeState | None = None) -> None:
        """Report something absurd."""
        self._timeline.note(f"{self.name} claims {position_s} {state}")
        if self._take is not None:
            self._take.report(position_s, state)

    def position_s(self, take: Take) -> float:
        """Seconds heard until now of `take`, the one on the transport."""
        self._settle()
        heard = self._settled + (self._heard_bytes(self._queue[0]) if self._queue else 0)
        return take.format.duration_s(heard)

    def _settle(self) -> None:
        while self._queue and self._heard_bytes(self._queue[0]) == len(self._queue[0].pcm):
            self._settled += len(self._queue[0].pcm)
            self.runs.append(self._queue.popleft())

    def _heard_bytes(self, run: Run) -> int:
        heard_s = max(0.0, now() - run.at + EPSILON_S)
        return min(
            len(run.pcm), int(heard_s * run.take.format.rate_hz) * run.take.format.frame_bytes
        )

    def _stop_sound(self) -> None:
        self._settle()
        if self._queue and (size := self._heard_bytes(self._queue[0])):
            run = self._queue[0]
            self._settled += size
            self.runs.append(Run(run.at, run.take, run.start, run.pcm[:size]))
        self._queue.clear()
        self._empty_at = min(self._empty_at, now())

    def _later(self, delay_s: float, take: Take, position_s: float, state: TakeState) -> None:
        async def report() -> None:
            await asyncio.sleep(delay_s)
            take.report(position_s, state)

        self._spawn(report())

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def lost(why: str = "lost by the test") -> RoomError:
    """An error to lose a transport with."""
    return RoomError(why)
