"""`make soak`: sessions follow one another for long, each with interruptions, pauses and a kill.

SOAK_MINUTES (20) of it; what is held between two sessions must not grow, and every word that
was not interrupted must be heard. Figures and a plot go to `benchmarks/results/soak.*`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil
from livekit.rtc._ffi_client import FfiHandle
from rich.console import Console

from avatar_core.contracts.clock import loop_time
from avatar_core.testing.server import DevServer
from benchmarks.bench.faults import LEAST_SHARE
from benchmarks.bench.results import Samples
from benchmarks.bench.run import seated
from benchmarks.bench.stimulus import words
from benchmarks.bench.systems import Ours, Seat
from benchmarks.bench.turns import Place

OUT = Path(os.environ.get("BENCH_RESULTS") or "benchmarks/results") / "soak.json"
EPISODE_S = 120.0
SAMPLE_S = 5.0
TOLD_S = 8.0
GROWTH_MB = 15.0
"""A process may grow by so much after its first sessions: arenas fill, caches warm."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the agent's process holds.

    Attributes:
        at_s: Since the start.
        between: Taken between two sessions, where nothing of either may be left.
        memory_mb: Resident.
        tasks, threads, descriptors, handles, children: How many; handles are LiveKit's.
    """

    at_s: float
    between: bool
    memory_mb: float
    tasks: int
    threads: int
    descriptors: int
    handles: int
    children: int


class Soak:
    """The course of a soak, and what went wrong."""

    def __init__(self, server: DevServer, seconds: float, seed: int = 1) -> None:
        self._system = Ours(server, os.environ.get("AVATAR_PROVIDER", ""))
        self._began = loop_time()
        self._until = self._began + seconds
        self._chance = random.Random(seed)  # noqa: S311
        self._me = psutil.Process()
        self.samples: list[Sample] = []
        self.faults: list[str] = []
        self.utterances = self.interruptions = self.kills = 0

    async def run(self) -> None:
        """One session after another, until the time is over."""
        sampling = asyncio.create_task(self._sample_now_and_then())
        try:
            while loop_time() < self._until:
                await self._episode(min(self._until, loop_time() + EPISODE_S))
                gc.collect()
                self._sample(between=True)
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling

    async def _episode(self, until: float) -> None:
        async with seated(self._system, Samples()) as (place, seat):
            killed = False
            while loop_time() < until:
                last = until - loop_time() < EPISODE_S / 4
                hit = seat if last and not killed else None
                killed = killed or last
                await self._utterance(place, hit)
                await asyncio.sleep(self._chance.choice((0.1, 0.3, 1.0, 3.0)))

    async def _utterance(self, place: Place, hit: Seat | None) -> None:
        names, pcm = words(self._chance.randrange(4, 20))
        at_s = self._chance.uniform(0.3, 0.3 * len(names))
        cut = hit is None and self._chance.random() < 0.4
        self.utterances += 1
        place.speaker.say(pcm)
        if hit is not None or cut:
            await asyncio.sleep(at_s)
        if hit is not None:
            self.kills += 1
            hit.signal(signal.SIGKILL)
        if cut:
            self.interruptions += 1
            await place.speaker.clear()
        told = await place.speaker.told(0.3 * len(names) + TOLD_S)
        if told is None:
            self._wrong("hung: nobody told of the end of an utterance")
        heard = await place.settle()
        shares: dict[str, float] = {}
        for track in heard.words.values():
            for word, _, share in track:
                shares[word] = shares.get(word, 0.0) + share
        lost = [name for name in names if shares.get(name, 0.0) < LEAST_SHARE]
        if lost and not cut:
            self._wrong(f"lost {', '.join(lost)}" + (" at a kill" if hit else ""))

    def _wrong(self, what: str) -> None:
        self.faults.append(f"at {loop_time() - self._began:.0f} s: {what}")

    async def _sample_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            self._sample(between=False)

    def _sample(self, *, between: bool) -> None:
        handles = sum(isinstance(held, FfiHandle) for held in gc.get_objects())
        self.samples.append(
            Sample(
                at_s=round(loop_time() - self._began, 1),
                between=between,
                memory_mb=round(self._me.memory_info().rss / 1e6, 1),
                tasks=len(asyncio.all_tasks()),
                threads=self._me.num_threads(),
                descriptors=self._me.num_fds(),
                handles=handles,
                children=len(self._me.children(recursive=True)),
            )
        )

    def growth(self) -> list[str]:
        """What is held between two sessions and grew, from the second third of them on."""
        rests = [sample for sample in self.samples if sample.between]
        if len(rests) < 3:
            return []
        first, last = rests[len(rests) // 3], rests[-1]
        grew = []
        for field in fields(Sample)[2:]:
            before, after = getattr(first, field.name), getattr(last, field.name)
            if after - before > (GROWTH_MB if field.name == "memory_mb" else 0):
                grew.append(f"{field.name} grew from {before} to {after}")
        return grew


def draw(samples: list[Sample], path: Path) -> None:
    """All samples over time; those between two sessions as dots."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    names = [field.name for field in fields(Sample)[2:]]
    figure, axes = pyplot.subplots(len(names), 1, figsize=(8, 1.4 * len(names)), sharex=True)
    rests = [sample for sample in samples if sample.between]
    for axis, name in zip(axes, names, strict=True):
        axis.plot([s.at_s / 60 for s in samples], [getattr(s, name) for s in samples], lw=0.9)
        axis.plot([s.at_s / 60 for s in rests], [getattr(s, name) for s in rests], "o", ms=4)
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


async def _run(seconds: float) -> Soak:
    async with DevServer.from_environment() as server:
        soak = Soak(server, seconds)
        await soak.run()
    return soak


def main() -> int:
    """Run it; the exit code is 0 where all stayed flat and no word was lost."""
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    console = Console()
    minutes = float(os.environ.get("SOAK_MINUTES") or 20)
    console.print(f"Talking for {minutes:g} minutes; stop it with Ctrl-C.")
    soak = asyncio.run(_run(minutes * 60))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps([asdict(sample) for sample in soak.samples]) + "\n")
    draw(soak.samples, OUT.with_suffix(".svg"))
    wrong = soak.faults + soak.growth()
    console.print(
        f"{soak.utterances} utterances, {soak.interruptions} interrupted, {soak.kills} kills; "
        f"{len(wrong)} faults. Plot: {OUT.with_suffix('.svg')}"
    )
    for line in wrong:
        console.print(line, style="red")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
