"""A monitor that listens to an altered copy of the pushed audio, on a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.listening import AudioHandler, RemoteAudio
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.monitor import Monitor
from avatar_core.resample import Resampler

FORMAT = AudioFormat(24_000)
STEP_S = 0.02
RUN_AHEAD_S = 1.0
_STEP = 160  # samples of 8 kHz in one step


class FakeAudio(RemoteAudio):
    """A subscription whose audio the test supplies.

    Attributes:
        handler: The handler that `decode` received last.
        closed: Whether `aclose` was called.
    """

    def __init__(self) -> None:
        self.handler: AudioHandler | None = None
        self.closed = False

    def decode(self, handler: AudioHandler | None) -> None:
        self.handler = handler

    async def count_packets(self) -> int | None:
        return None

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class SteppedClock:
    """A clock that moves only when a test moves it.

    Attributes:
        now_s: The present time in seconds.
    """

    now_s: float = 100.0

    def __call__(self) -> float:
        """Return the present time in seconds."""
        return self.now_s


class MonitoredTake:
    """Plays one take: pushes its audio with a run-ahead, and lets the monitor hear other audio.

    Args:
        pcm: The audio of the take, in `FORMAT`.
        sound: What the agent hears from the start of the take, as int16 samples at 8 kHz.
        latency_s: The declared latency of the worker.
        previous: A monitored take of the same worker, whose monitor continues.

    Attributes:
        clock: The clock of the monitor.
        run_ahead_s: Seconds of audio that are pushed beyond the elapsed time.
        take: The take.
        monitor: The monitor.
        is_open: Whether more audio follows, so that the take does not end.
    """

    def __init__(
        self,
        pcm: bytes,
        sound: np.ndarray,
        *,
        latency_s: float = 0.4,
        previous: MonitoredTake | None = None,
    ) -> None:
        self.clock = previous.clock if previous is not None else SteppedClock()
        self._pcm = pcm
        self._sound = sound.astype("<i2")
        self.run_ahead_s = RUN_AHEAD_S
        self._step = 0
        self._sent = 0
        self._heard = 0
        self._origin_s = 0.0
        self.is_open = False
        self.audio = previous.audio if previous is not None else FakeAudio()
        self.monitor = (
            previous.monitor if previous is not None else Monitor(self.audio, latency_s, self.clock)
        )
        self.take = Take(1, FORMAT)
        self.monitor.follow(self.take)

    @property
    def _due_s(self) -> float:
        """Seconds of the take that may have been pushed."""
        return self.elapsed_s - self._origin_s + RUN_AHEAD_S

    @property
    def elapsed_s(self) -> float:
        """Seconds since the take began."""
        return self._step * STEP_S

    def step(self) -> str:
        """Let 20 ms pass, and check the worker.

        Returns:
            The fault as a part of a sentence; empty if there is none.
        """
        self.clock.now_s += STEP_S
        self._step += 1
        while self._sent < len(self._pcm) and self.take.pushed_s < self._due_s:
            chunk = self._pcm[self._sent : self._sent + FORMAT.size(0.04)]
            self._sent += len(chunk)
            self.take.pushed_s += FORMAT.duration_s(len(chunk))
            self.monitor.push(chunk)
        self.take.ended = self._sent >= len(self._pcm) and not self.is_open
        self.hear()
        return self.monitor.check()

    def hear(self) -> None:
        """Let the monitor hear the next 20 ms of the sound."""
        start = self._heard * _STEP
        self._heard += 1
        heard = np.zeros(_STEP, "<i2")
        part = self._sound[start : start + _STEP]
        heard[: len(part)] = part
        if self.audio.handler is not None:
            self.audio.handler(heard.tobytes())

    def append(self, pcm: bytes) -> None:
        """Add audio to the end of the take, in `FORMAT`.

        Args:
            pcm: Mono int16 PCM, whole samples.
        """
        self._pcm += pcm
        self._origin_s = self.elapsed_s - self.take.pushed_s

    def replace_sound(self, sound: np.ndarray) -> None:
        """Replace what the agent hears, from the start of the take.

        Args:
            sound: int16 samples at 8 kHz, mono.
        """
        self._sound = sound.astype("<i2")

    def run(self, until_s: float = 1e9) -> str:
        """Step until the take has ended, a fault is found, or a time of the take is reached.

        Args:
            until_s: The time in seconds since the start of the take.

        Returns:
            The fault as a part of a sentence; empty if there is none.
        """
        while not self.take.state.final and self.elapsed_s < until_s:
            if fault := self.step():
                return fault
            if self.elapsed_s > FORMAT.duration_s(len(self._pcm)) + 20:
                break
        return ""

    @property
    def is_done(self) -> bool:
        """Whether the take is DONE."""
        return self.take.state is TakeState.DONE


def heard_sound(pcm: bytes, *, delay_s: float = 0.4, gain: float = 0.5) -> np.ndarray:
    """Return what the agent hears of pushed audio: at 8 kHz, delayed and quieter.

    Args:
        pcm: The pushed audio, mono int16 PCM in `FORMAT`.
        delay_s: The delay in seconds.
        gain: The factor of the amplitude.

    Returns:
        int16 samples at 8 kHz, mono.
    """
    samples = np.frombuffer(Resampler(FORMAT, AudioFormat(8_000)).feed(pcm, last=True), "<i2")
    return np.concatenate((np.zeros(round(delay_s * 8000)), samples * gain))
