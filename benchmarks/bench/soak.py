"""`make soak`: a long series of sessions, each with interruptions, pauses and a kill.

The series takes SOAK_MINUTES minutes, by default 20. The resources that the agent's process holds
between two sessions must not grow, and the listener must receive every word that was not
interrupted. The results and a plot go to `benchmarks/results/soak.*`.
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
from benchmarks.bench.run import open_session
from benchmarks.bench.stimulus import make_speech
from benchmarks.bench.systems import Ours, Session
from benchmarks.bench.turns import Measurement

OUT = Path(os.environ.get("BENCH_RESULTS") or "benchmarks/results") / "soak.json"
SESSION_S = 120.0
SAMPLE_S = 5.0
TIMEOUT_S = 8.0
GROWTH_MB = 15.0
"""Memory that the process may gain after its first sessions, for allocator pools and caches."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of the agent's process at one moment.

    Attributes:
        at_s: Seconds since the start.
        between: Whether the sample was taken between two sessions.
        memory_mb: Resident memory in MB.
        tasks: Number of asyncio tasks.
        threads: Number of threads.
        descriptors: Number of open file descriptors.
        handles: Number of LiveKit's FFI handles.
        children: Number of descendant processes.
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
    """Runs the sessions, and collects samples and faults.

    Args:
        server: The livekit-server.
        seconds: Length of the run.
        seed: Seed of all random numbers.

    Attributes:
        samples: The samples of the agent's process.
        faults: Descriptions of the faults that were found, one phrase each.
        speeches: Number of speeches.
        interruptions: Number of interrupted speeches.
        kills: Number of killed workers.
    """

    def __init__(self, server: DevServer, seconds: float, seed: int = 1) -> None:
        self._system = Ours(server, os.environ.get("AVATAR_PROVIDER", ""))
        self._started_at = loop_time()
        self._until = self._started_at + seconds
        self._rng = random.Random(seed)  # noqa: S311
        self._process = psutil.Process()
        self.samples: list[Sample] = []
        self.faults: list[str] = []
        self.speeches = self.interruptions = self.kills = 0

    async def run(self) -> None:
        """Run sessions one after another for the given number of seconds."""
        sampling = asyncio.create_task(self._sample_repeatedly())
        try:
            while loop_time() < self._until:
                await self._run_session(min(self._until, loop_time() + SESSION_S))
                gc.collect()
                self._sample(between=True)
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling

    async def _run_session(self, until: float) -> None:
        async with open_session(self._system, Samples()) as (measurement, session):
            killed = False
            while loop_time() < until:
                last = until - loop_time() < SESSION_S / 4
                target = session if last and not killed else None
                killed = killed or last
                await self._speak(measurement, target)
                await asyncio.sleep(self._rng.choice((0.1, 0.3, 1.0, 3.0)))

    async def _speak(self, measurement: Measurement, kill: Session | None) -> None:
        names, pcm = make_speech(self._rng.randrange(4, 20))
        at_s = self._rng.uniform(0.3, 0.3 * len(names))
        interrupt = kill is None and self._rng.random() < 0.4
        self.speeches += 1
        measurement.driver.say(pcm)
        if kill is not None or interrupt:
            await asyncio.sleep(at_s)
        if kill is not None:
            self.kills += 1
            kill.signal(signal.SIGKILL)
        if interrupt:
            self.interruptions += 1
            await measurement.driver.interrupt()
        end = await measurement.driver.wait_for_end(0.3 * len(names) + TIMEOUT_S)
        if end is None:
            self._add_fault("a speech hung: there was no playback_finished")
        shares = (await measurement.settle()).shares()
        lost = [name for name in names if shares.get(name, 0.0) < LEAST_SHARE]
        if lost and not interrupt:
            self._add_fault(f"lost {', '.join(lost)}" + (" at a kill" if kill else ""))

    def _add_fault(self, text: str) -> None:
        self.faults.append(f"at {loop_time() - self._started_at:.0f} s: {text}")

    async def _sample_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S)
            self._sample(between=False)

    def _sample(self, *, between: bool) -> None:
        handles = sum(isinstance(item, FfiHandle) for item in gc.get_objects())
        self.samples.append(
            Sample(
                at_s=round(loop_time() - self._started_at, 1),
                between=between,
                memory_mb=round(self._process.memory_info().rss / 1e6, 1),
                tasks=len(asyncio.all_tasks()),
                threads=self._process.num_threads(),
                descriptors=self._process.num_fds(),
                handles=handles,
                children=len(self._process.children(recursive=True)),
            )
        )

    def find_growth(self) -> list[str]:
        """Find the resources that grew between the first third of the sessions and the last one.

        Returns:
            One phrase for each resource that grew; empty with fewer than three sessions.
        """
        idle = [sample for sample in self.samples if sample.between]
        if len(idle) < 3:
            return []
        first, last = idle[len(idle) // 3], idle[-1]
        growth = []
        for field in fields(Sample)[2:]:
            before, after = getattr(first, field.name), getattr(last, field.name)
            if after - before > (GROWTH_MB if field.name == "memory_mb" else 0):
                growth.append(f"{field.name} grew from {before} to {after}")
        return growth


def draw_plot(samples: list[Sample], path: Path) -> None:
    """Draw an SVG file with all samples over time; samples between two sessions are dots.

    Args:
        samples: The samples.
        path: Path of the SVG file.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    names = [field.name for field in fields(Sample)[2:]]
    figure, axes = pyplot.subplots(len(names), 1, figsize=(8, 1.4 * len(names)), sharex=True)
    idle = [sample for sample in samples if sample.between]
    for axis, name in zip(axes, names, strict=True):
        axis.plot([s.at_s / 60 for s in samples], [getattr(s, name) for s in samples], lw=0.9)
        axis.plot([s.at_s / 60 for s in idle], [getattr(s, name) for s in idle], "o", ms=4)
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
    """Run the soak test, print its results, and write the samples and the plot.

    Returns:
        The exit code: 0 if no resource grew and no word was lost, otherwise 1.
    """
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    console = Console()
    minutes = float(os.environ.get("SOAK_MINUTES") or 20)
    console.print(f"Talking for {minutes:g} minutes. Press Ctrl-C to stop.")
    soak = asyncio.run(_run(minutes * 60))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps([asdict(sample) for sample in soak.samples]) + "\n")
    draw_plot(soak.samples, OUT.with_suffix(".svg"))
    faults = soak.faults + soak.find_growth()
    console.print(
        f"{soak.speeches} speeches, {soak.interruptions} interrupted, {soak.kills} kills, "
        f"{len(faults)} faults. Plot: {OUT.with_suffix('.svg')}"
    )
    for line in faults:
        console.print(line, style="red")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
