"""Measures complete and interrupted speeches of a system without faults."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from avatar_core.contracts.clock import loop_time
from benchmarks.bench.driver import SpeechDriver
from benchmarks.bench.listening import Received, RemoteListener
from benchmarks.bench.results import Samples
from benchmarks.bench.stimulus import RATE_HZ, beeps, tone

TIMEOUT_S = 10.0
SETTLE_S = 0.5
"""Audio and video in transit have reached the listener after this time."""
MAX_SKEW_S = 0.3
"""A sound and a flash belong together if they are at most this far apart."""
TONE_S = 4.0


@dataclass
class Measurement:
    """A session under measurement.

    Attributes:
        driver: The driver, which speaks through the system.
        listener: The listener in the same room.
        samples: The samples of the session.
    """

    driver: SpeechDriver
    listener: RemoteListener
    samples: Samples

    async def settle(self) -> Received:
        """Wait until the listener has received the latest speech to its end.

        Returns:
            The audio and video that arrived since the start of the speech.
        """
        await asyncio.sleep(SETTLE_S)
        return await self.listener.read(self.driver.pushed_at)


async def measure_whole_turn(measurement: Measurement) -> None:
    """Play beeps to their end, and measure the delays, the skew, and the bytes at the listener.

    Args:
        measurement: The session under measurement, which receives the samples.
    """
    driver, samples = measurement.driver, measurement.samples
    pcm = beeps()
    before = await measurement.listener.read(loop_time())
    driver.say(pcm)
    end = await driver.wait_for_end(len(pcm) / 2 / RATE_HZ + TIMEOUT_S)
    received = await measurement.settle()
    samples.add_s("heard_ms", _difference(received.first, driver.pushed_at))
    samples.add_s("finish_lag_ms", _difference(end.at if end else None, received.last))
    for skew_s in skews(received):
        samples.add_s("skew_ms", skew_s)
    minutes = len(pcm) / 2 / RATE_HZ / 60
    samples.add("bystander_bytes", (received.data_bytes - before.data_bytes) / minutes)


async def measure_interrupted_turn(measurement: Measurement, rng: random.Random) -> None:
    """Interrupt a tone, and measure its last sound, its end event and the reported position.

    Args:
        measurement: The session under measurement, which receives the samples.
        rng: Random numbers, which select the moment of the interruption.
    """
    driver, samples = measurement.driver, measurement.samples
    driver.say(tone(TONE_S))
    await asyncio.sleep(rng.uniform(1.0, 1.6))
    interrupted_at = await driver.interrupt()
    end = await driver.wait_for_end(TIMEOUT_S)
    received = await measurement.settle()
    samples.add_s("stop_ms", _difference(received.last, interrupted_at))
    samples.add_s("release_ms", _difference(end.at if end else None, interrupted_at))
    if end is not None and received.first is not None and received.last is not None:
        heard_s = received.last - received.first
        samples.add_s("position_error_ms", end.position_s - heard_s)


def skews(received: Received) -> list[float]:
    """Compute the time from each sound to the flash that belongs to it.

    Args:
        received: The sounds and the flashes that the listener received.

    Returns:
        The times in seconds, negative if the flash was earlier. The list omits sounds without a
        flash.
    """
    found = []
    for onset in received.onsets:
        nearest = min(received.flashes, key=lambda at: abs(at - onset), default=None)
        if nearest is not None and abs(nearest - onset) < MAX_SKEW_S:
            found.append(nearest - onset)
    return found


def _difference(at: float | None, since: float | None) -> float | None:
    return None if at is None or since is None else at - since
