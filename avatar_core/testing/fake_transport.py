"""A scripted transport that plays audio in virtual time, and noise that a test uses as speech."""

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
    """Return noise in the rhythm of words: 0.3 s of noise and 0.1 s of silence in turn.

    Args:
        duration_s: Seconds of audio.
        format: The format of the audio.
        seed: The seed of the noise; another seed produces other samples.

    Returns:
        PCM in `format`: int16, little-endian, interleaved.
    """
    count = round(duration_s * format.rate_hz)
    noise = np.random.default_rng(seed).integers(-9000, 9000, (count, format.channels))
    silent = (np.arange(count) / format.rate_hz) % 0.4 >= 0.3
    noise[silent] = 0
    return noise.astype("<i2").tobytes()


@dataclass(slots=True)
class Run:
    """Audio of one take that was heard without a gap.

    Attributes:
        at: The loop time in seconds at which the audio began.
        take: The take.
        start: The position of `pcm` in the take, in bytes from its start.
        pcm: The audio, in the take's format.
    """

    at: float
    take: Take
    start: int
    pcm: bytes


class FakeTransport(AudioSink, PlaybackTracker):
    """A sink and a tracker in one object, which plays the pushed audio as the test has configured.

    A violation of the sink's contract becomes a fault of the timeline.

    Args:
        name: The name of the provider.
        timeline: Records the events and the faults.
        format: The format that the sink needs; None for the format of the segment.
        run_ahead_s: Seconds of audio that may be sent beyond the position that was heard.
        latency_s: Seconds from a push until the audio is heard.
        report_s: Seconds between two reports of the position.
        cut_s: Seconds until the transport confirms a cut; None for no confirmation.

    Attributes:
        name: The name of the provider.
        latency_s: Seconds from a push until the audio is heard.
        report_s: Seconds between two reports of the position.
        cut_s: Seconds until the transport confirms a cut; None for no confirmation.
        push_s: Seconds that each push and each end takes.
        begin_s: Seconds that each begin takes.
        cut_silences: Whether a cut stops the sound.
        reports_done: Whether the tracker reports the state DONE.
        push_error: The exception that each push raises, if any.
        is_paused: Returns whether playback is paused, so that a push is a violation.
        dead: Whether the transport has stopped playing and reporting.
        runs: The audio that was heard.
        begun: Every take that began.
        max_ahead_s: The most seconds of audio that were sent and unheard at once.
        transport: The `Transport` of this sink and tracker.
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
        self.cut_silences = self.reports_done = True
        self.push_error: Exception | None = None
        self.is_paused: Callable[[], bool] = lambda: False
        self.dead = False
        self.runs: list[Run] = []
        self.begun: list[Take] = []
        self.max_ahead_s = 0.0
        self.transport = Transport(
            provider=name, sink=self, tracker=self, format=format, run_ahead_s=run_ahead_s
        )
        self._timeline = timeline
        self._take: Take | None = None
        self._queue: deque[Run] = deque()
        self._empty_at = 0.0
        self._received = self._played = 0
        self._ended: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # The sink.

    async def open(self) -> None:
        """Do nothing: the transport is always open."""

    async def begin(self, take: Take) -> None:
        """Begin a take, after `begin_s` seconds.

        Args:
            take: The take whose audio follows.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"{self.name} begins {take}")
        if self._take is not None and not self._take.state.final:
            self._timeline.fault(f"{take} begins while {self._take} is on {self.name}")
        if self.begin_s:
            await asyncio.sleep(self.begin_s)
        self._stop_sound()
        self._take, self._received, self._played = take, 0, 0
        self.begun.append(take)

    async def push(self, chunk: bytes) -> None:
        """Queue audio of the current take, after `push_s` seconds.

        Args:
            chunk: Whole samples in the take's format: int16, little-endian, interleaved.

        Raises:
            Exception: `push_error`, if the test has set it.
            LivelockError: The timeline has too many events.
        """
        take = self._take
        if self.is_paused():
            self._timeline.fault(f"{self.name} was pushed audio in a pause")
        if take is None or take.cutting or take.ended or take.state.final:
            self._timeline.fault(f"{self.name} was pushed audio for {take}")
            return
        self.max_ahead_s = max(self.max_ahead_s, take.unheard_s)
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
        """Record that all audio of a take was pushed, after `push_s` seconds.

        Args:
            take: The take.
        """
        if self.push_s:
            await asyncio.sleep(self.push_s)
        self._ended.add(take.id)

    async def cut(self, take: Take) -> None:
        """Stop the sound if `cut_silences` is set, and confirm the cut after `cut_s` seconds.

        Args:
            take: The take to stop. The method does nothing unless the take is the current one.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"{self.name} cuts {take}")
        if self.dead or take is not self._take:
            return
        if self.cut_silences:
            self._stop_sound()
        if self.cut_s is not None:
            position_s = self.position_s(take)
            self._report_later(self.cut_s, take, position_s, TakeState.CUT)

    async def aclose(self) -> None:
        """Stop the sound and all tasks; idempotent."""
        self._stop_sound()
        for task in self._tasks:
            task.cancel()

    # The tracker.

    def follow(self, take: Take) -> None:
        """Report the position of a take every `report_s` seconds.

        Args:
            take: The take that begins on the transport.
        """
        self._start_task(self._watch(take))

    @property
    def alive_at(self) -> float | None:
        """None, because this transport has no heartbeat."""
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
        """Stop the sound and all reports, but continue to accept pushes.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"{self.name} dies")
        self._stop_sound()
        self.dead = True

    def finish_early(self) -> None:
        """Report DONE before the end of the current take.

        Stock workers do this if they have waited for audio for a long time.
        """
        take = self._take
        if take is not None and not self.dead and not take.ended:
            self._stop_sound()
            take.report(self.position_s(take), TakeState.DONE)

    def claim(self, position_s: float, state: TakeState | None = None) -> None:
        """Report a position and a state of the current take, which may be false.

        Args:
            position_s: The position in seconds.
            state: The state; None reports no state.

        Raises:
            LivelockError: The timeline has too many events.
        """
        self._timeline.note(f"{self.name} claims {position_s} {state}")
        if self._take is not None:
            self._take.report(position_s, state)

    def position_s(self, take: Take) -> float:
        """Return the seconds of a take that were heard by now.

        Args:
            take: The take that is on the transport.

        Returns:
            The position in seconds.
        """
        self._settle()
        heard = self._played + (self._heard_bytes(self._queue[0]) if self._queue else 0)
        return take.format.duration_s(heard)

    def _settle(self) -> None:
        """Move the runs that were heard completely from the queue to `runs`."""
        while self._queue and self._heard_bytes(self._queue[0]) == len(self._queue[0].pcm):
            self._played += len(self._queue[0].pcm)
            self.runs.append(self._queue.popleft())

    def _heard_bytes(self, run: Run) -> int:
        heard_s = max(0.0, now() - run.at + EPSILON_S)
        format = run.take.format
        return min(len(run.pcm), int(heard_s * format.rate_hz) * format.frame_bytes)

    def _stop_sound(self) -> None:
        self._settle()
        if self._queue and (size := self._heard_bytes(self._queue[0])):
            run = self._queue[0]
            self._played += size
            self.runs.append(Run(run.at, run.take, run.start, run.pcm[:size]))
        self._queue.clear()
        self._empty_at = min(self._empty_at, now())

    def _report_later(
        self, delay_s: float, take: Take, position_s: float, state: TakeState
    ) -> None:
        async def report() -> None:
            """Report the position and the state to the take after the delay."""
            await asyncio.sleep(delay_s)
            take.report(position_s, state)

        self._start_task(report())

    def _start_task(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def lost_error(why: str = "The test lost the transport.") -> RoomError:
    """Return an error for the loss of a transport, which a test passes to `Transport.lose`.

    Args:
        why: The message of the error.

    Returns:
        The error.
    """
    return RoomError(why)
