"""`avatar bench`: measure, print, keep."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from avatar_core.contracts.errors import AvatarError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.simulators import run_simulators
from benchmarks.bench import low_bandwidth as narrow
from benchmarks.bench import report
from benchmarks.bench.results import Samples
from benchmarks.bench.run import QUICK, Plan, run
from benchmarks.bench.systems import SYSTEMS, systems_of

NARROW_TIMES = 5


def main(
    provider: str, *, quick: bool, only: Sequence[str], beside: Sequence[str], out: Path
) -> int:
    """Run the whole bench on a livekit-server of its own; returns the exit code.

    Args:
        provider: What `ours` speaks through; our own worker where empty.
        quick: A few turns, and no line of 5 Mbit/s.
        only: Names of systems; all where empty.
        beside: Installed providers that are measured too.
        out: Where the figures go, and beside them the plot.
    """
    console = Console()
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    systems = (*SYSTEMS, *beside)
    if strange := [name for name in only if name not in systems]:
        console.print(f"No system is called {strange[0]!r}: there are {', '.join(systems)}.")
        return 2
    try:
        results = asyncio.run(_measure(console, provider, quick=quick, only=only, beside=beside))
    except AvatarError as error:
        console.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        return 130
    figures = report.figures_of(results)
    report.write(figures, out)
    report.show(figures["systems"], console)
    console.print(f"Figures: {os.path.relpath(out)}")
    if find_spec("matplotlib") is None:
        console.print("No plot: pip install 'avatar-core[bench]' brings what draws it.")
    else:
        report.draw(results, out.with_suffix(".svg"))
        console.print(f"Plot: {os.path.relpath(out.with_suffix('.svg'))}")
    return 0


async def _measure(
    console: Console, provider: str, *, quick: bool, only: Sequence[str], beside: Sequence[str]
) -> dict[str, Samples]:
    logging.getLogger("avatar_core").setLevel(logging.CRITICAL)
    async with run_simulators() as notices, DevServer.from_environment() as server:
        for name in filter(None, (provider, *beside)):
            resolve(name, ProviderRegistry(), AvatarSettings.load())
            if notice := notices.get(name):
                console.print(notice, style="dim")
        systems = systems_of(server, provider, only, beside)
        plan = QUICK if quick else Plan()
        results = await run(systems, plan, lambda what: console.print(what, style="dim"))
    if quick:
        return results
    console.print("over 5 Mbit/s", style="dim")
    names = [one.name for one in systems if one.has_worker and one.name in SYSTEMS]
    slow = await narrow.measure(names, provider, NARROW_TIMES)
    if isinstance(slow, str):
        console.print(f"Not measured over 5 Mbit/s: {slow}.")
    else:
        for name, samples in slow.items():
            results[name].join(samples)
    return results
