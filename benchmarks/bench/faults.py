"""Turns under a fault: a worker that is killed or frozen in mid-word, and 20 s in one push."""

from __future__ import annotations

import asyncio
import random
import signal

import psutil

from benchmarks.bench.results import Samples
from benchmarks.bench.stimulus import RATE_HZ, words
from benchmarks.bench.systems import Seat
from benchmarks.bench.turns import Place

WORDS = 16
WORD_S = 0.3
MID_WORD_S = 0.09
HEARD_S = 0.08
"""About how long after the push a word begins to be heard."""
NEVER_S = 6.0
LEAST_SHARE = 0.6
LONG_S = 20.0
CLEAR_AT_S = (0.05, 0.12)


async def fall(place: Place, seat: Seat, kind: signal.Signals, chance: random.Random) -> None:
    """Hit the worker in mid-word: when does the voice go on, and which words were lost."""
    speaker, samples = place.speaker, place.samples
    names, pcm = words(WORDS)
    speaker.say(pcm)
    at_word = chance.randrange(4, 9)
    await asyncio.sleep(at_word * WORD_S + MID_WORD_S + HEARD_S)
    hit_at = asyncio.get_running_loop().time()
    seat.signal(kind)
    await speaker.told(len(pcm) / 2 / RATE_HZ + NEVER_S)
    heard = await place.settle()
    others = [spans[0][0] for spans in heard.sounds.values() if spans[0][0] > hit_at]
    row = "kill_to_voice_ms" if kind is signal.SIGKILL else "freeze_to_voice_ms"
    samples.add_s(row, min(others) - hit_at if others else None)
    shares: dict[str, float] = {}
    for track in heard.words.values():
        for word, _, share in track:
            shares[word] = shares.get(word, 0.0) + share
    samples.add("words_lost", sum(shares.get(name, 0.0) < LEAST_SHARE for name in names))


async def loaded_clear(place: Place, chance: random.Random, row: str = "clear_loaded_ms") -> None:
    """20 s pushed at once, interrupted at their beginning: until the agent is told."""
    speaker, samples = place.speaker, place.samples
    _, pcm = words(round(LONG_S / WORD_S))
    speaker.say(pcm, frame_s=LONG_S)
    await asyncio.sleep(chance.uniform(*CLEAR_AT_S))
    cut_at = await speaker.clear()
    told = await speaker.told(NEVER_S + LONG_S)
    samples.add_s(row, told.at - cut_at if told else None)
    await asyncio.sleep(1.0)


async def cpu(place: Place, seat: Seat, samples: Samples) -> None:
    """CPU of the agent's process and its workers, speaking without a break."""
    processes = [psutil.Process(), *(psutil.Process(pid) for pid in seat.workers)]

    def used_s() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    _, pcm = words(round(LONG_S / WORD_S))
    before_s = used_s()
    place.speaker.say(pcm, frame_s=0.1)
    await place.speaker.told(LONG_S + NEVER_S)
    samples.add("cpu_s_per_min", (used_s() - before_s) * 60 / LONG_S)
