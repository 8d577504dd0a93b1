"""Turns of a healthy system: what each gives in samples."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from avatar_core.contracts.clock import loop_time
from benchmarks.bench.driver import Speaker
from benchmarks.bench.listening import Heard, Listening
from benchmarks.bench.results import Samples
from benchmarks.bench.stimulus import RATE_HZ, beeps, tone

TOLD_S = 10.0
SETTLED_S = 0.5
"""What is under way to the listener has arrived after this."""
PAIRED_S = 0.3
STEADY_S = 4.0


@dataclass
class Place:
    """Where turns are taken: who speaks, who listens, and what they give."""

    speaker: Speaker
    listening: Listening
    samples: Samples

    async def settle(self) -> Heard:
        """What was heard of the latest utterance, once all of it has arrived."""
        await asyncio.sleep(SETTLED_S)
        return await self.listening.heard(self.speaker.pushed_at)


async def whole_turn(place: Place) -> None:
    """Beeps, spoken to their end: heard, skew and finish."""
    speaker, samples = place.speaker, place.samples
    pcm = beeps()
    before = await place.listening.heard(loop_time())
    speaker.say(pcm)
    told = await speaker.told(len(pcm) / 2 / RATE_HZ + TOLD_S)
    heard = await place.settle()
    samples.add_s("heard_ms", _after(heard.first, speaker.pushed_at))
    samples.add_s("finish_lag_ms", _after(told.at if told else None, heard.last))
    for skew_s in skews(heard):
        samples.add_s("skew_ms", skew_s)
    minutes = len(pcm) / 2 / RATE_HZ / 60
    samples.add("bystander_bytes", (heard.data_bytes - before.data_bytes) / minutes)


async def cut_turn(place: Place, chance: random.Random) -> None:
    """A steady tone, interrupted: stop, release and position."""
    speaker, samples = place.speaker, place.samples
    speaker.say(tone(STEADY_S))
    await asyncio.sleep(chance.uniform(1.0, 1.6))
    cut_at = await speaker.clear()
    told = await speaker.told(TOLD_S)
    heard = await place.settle()
    samples.add_s("stop_ms", _after(heard.last, cut_at))
    samples.add_s("release_ms", _after(told.at if told else None, cut_at))
    if told is not None and heard.first is not None and heard.last is not None:
        sounding_s = heard.last - heard.first
        samples.add_s("position_error_ms", told.position_s - sounding_s)


def skews(heard: Heard) -> list[float]:
    """Light less sound, seconds, at each onset that has both."""
    found = []
    for onset in heard.onsets:
        nearest = min(heard.lights, key=lambda at: abs(at - onset), default=None)
        if nearest is not None and abs(nearest - onset) < PAIRED_S:
            found.append(nearest - onset)
    return found


def _after(at: float | None, since: float | None) -> float | None:
    return None if at is None or since is None else at - since
