"""Measures workers with faults, interruptions of queued audio, and the CPU time."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Mapping
from types import MappingProxyType

import psutil

from benchmarks.bench.results import Samples
from benchmarks.bench.stimulus import RATE_HZ, make_speech
from benchmarks.bench.systems import Session
from benchmarks.bench.turns import Measurement

FAULTS: Mapping[signal.Signals, str] = MappingProxyType(
    {
        signal.SIGKILL: "kill_to_voice_ms",
        signal.SIGSTOP: "freeze_to_voice_ms",
        signal.SIGUSR1: "silence_to_voice_ms",
        signal.SIGUSR2: "mute_to_voice_ms",
    }
)
"""The row of the results for each signal. The stock worker obeys the last two."""
KILLS = (signal.SIGKILL, signal.SIGSTOP)
"""The faults that every worker can have."""
WORD_COUNT = 16
WORD_S = 0.3
MID_WORD_S = 0.09
LATENCY_S = 0.08
"""Approximate time from the push of a word to its first sound at the listener."""
TIMEOUT_S = 6.0
LEAST_SHARE = 0.6
LONG_S = 20.0
CLEAR_AT_S = (0.05, 0.12)


async def measure_fault(
    measurement: Measurement, session: Session, kind: signal.Signals, rng: random.Random
) -> None:
    """Send a signal to the worker in the middle of a word.

    The function measures the time until the agent's voice continues. It counts the words that the
    listener did not hear, and those of them that the reported position contains.

    Args:
        measurement: The session under measurement, which receives the samples.
        session: The session with the worker.
        kind: One of `FAULTS`.
        rng: Random numbers, which select the word.
    """
    driver, samples = measurement.driver, measurement.samples
    names, pcm = make_speech(WORD_COUNT)
    driver.say(pcm)
    word_number = rng.randrange(4, 9)
    await asyncio.sleep(word_number * WORD_S + MID_WORD_S + LATENCY_S)
    sent_at = asyncio.get_running_loop().time()
    session.signal(kind)
    end = await driver.wait_for_end(len(pcm) / 2 / RATE_HZ + TIMEOUT_S)
    if end is None:
        await driver.interrupt()
        end = await driver.wait_for_end(TIMEOUT_S)
    received = await measurement.settle()
    others = [spans[0][0] for spans in received.sounds.values() if spans[0][0] > sent_at]
    samples.add_s(FAULTS[kind], min(others) - sent_at if others else None)
    shares = received.shares()
    lost = [number for number, name in enumerate(names) if shares.get(name, 0.0) < LEAST_SHARE]
    samples.add("words_lost", len(lost))
    in_history = round(end.position_s / WORD_S) if end is not None else 0
    samples.add("words_not_heard", sum(number < in_history for number in lost))


async def measure_loaded_clear(
    measurement: Measurement, rng: random.Random, row: str = "clear_loaded_ms"
) -> None:
    """Push 20 s of audio at once, interrupt the speech, and measure the time until its end.

    Args:
        measurement: The session under measurement, which receives the sample.
        rng: Random numbers, which select the moment of the interruption.
        row: Name of the row in the results to which the sample belongs.
    """
    driver, samples = measurement.driver, measurement.samples
    _, pcm = make_speech(round(LONG_S / WORD_S))
    driver.say(pcm, frame_s=LONG_S)
    await asyncio.sleep(rng.uniform(*CLEAR_AT_S))
    interrupted_at = await driver.interrupt()
    end = await driver.wait_for_end(TIMEOUT_S + LONG_S)
    samples.add_s(row, end.at - interrupted_at if end else None)
    await asyncio.sleep(1.0)


async def measure_cpu(measurement: Measurement, session: Session, samples: Samples) -> None:
    """Measure the CPU time of this process and the workers during 20 s of speech.

    Args:
        measurement: The session under measurement.
        session: The session with the workers.
        samples: The samples to which the function adds the CPU time.
    """
    processes = [psutil.Process(), *(psutil.Process(pid) for pid in session.workers)]

    def used_s() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    _, pcm = make_speech(round(LONG_S / WORD_S))
    before_s = used_s()
    measurement.driver.say(pcm, frame_s=0.1)
    await measurement.driver.wait_for_end(LONG_S + TIMEOUT_S)
    samples.add("cpu_s_per_min", (used_s() - before_s) * 60 / LONG_S)
