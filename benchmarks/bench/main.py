"""Runs the whole benchmark, prints its results, and writes them to files."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from avatar_core.cli.output import exit_code
from avatar_core.contracts.errors import AvatarError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.simulators import run_simulators
from benchmarks.bench import low_bandwidth, report
from benchmarks.bench.results import Samples
from benchmarks.bench.run import QUICK, Plan, run
from benchmarks.bench.systems import SYSTEMS, select_systems

LOW_BANDWIDTH_TIMES = 5


def main(
    provider: str, *, quick: bool, only: Sequence[str], compare_with: Sequence[str], out: Path
) -> int:
    """Run the benchmark with a livekit-server on loopback.

    Args:
        provider: Name of the provider of the system `ours`; empty for our own worker.
        quick: Whether to measure only a few turns, and nothing over 5 Mbit/s.
        only: Names of the systems to measure; all if empty.
        compare_with: Names of installed providers to measure too.
        out: File for the results; the function writes the plot into the same folder.

    Returns:
        The exit code: 0 after a complete run, 1 after an error, 2 for an unknown system or an
        error in the configuration, and 130 after Ctrl-C.
    """
    console = Console()
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    systems = (*SYSTEMS, *compare_with)
    if unknown := [name for name in only if name not in systems]:
        console.print(
            f"The benchmark has no system {unknown[0]!r}. The systems are {', '.join(systems)}."
        )
        return 2
    try:
        results = asyncio.run(
            _measure(console, provider, quick=quick, only=only, compare_with=compare_with)
        )
    except AvatarError as error:
        console.print(str(error), style="red", soft_wrap=True)
        return exit_code(error)
    except KeyboardInterrupt:
        return 130
    figures = report.summarise(results)
    report.write_figures(figures, out)
    report.print_table(figures["systems"], console)
    console.print(f"Results: {os.path.relpath(out)}")
    if find_spec("matplotlib") is None:
        console.print("The plot was not drawn. To draw it, run `pip install matplotlib` and retry.")
    else:
        report.draw_plot(results, out.with_suffix(".svg"))
        console.print(f"Plot: {os.path.relpath(out.with_suffix('.svg'))}")
    return 0


async def _measure(
    console: Console,
    provider: str,
    *,
    quick: bool,
    only: Sequence[str],
    compare_with: Sequence[str],
) -> dict[str, Samples]:
    logging.getLogger("avatar_core").setLevel(logging.CRITICAL)
    async with run_simulators() as notices, DevServer.from_environment() as server:
        for name in filter(None, (provider, *compare_with)):
            resolve(name, ProviderRegistry(), AvatarSettings.load())
            if notice := notices.get(name):
                console.print(notice, style="dim")
        systems = select_systems(server, provider, only, compare_with)
        plan = QUICK if quick else Plan()
        results = await run(systems, plan, lambda step: console.print(step, style="dim"))
    if quick:
        return results
    console.print("Measuring over 5 Mbit/s.", style="dim")
    names = [system.name for system in systems if system.has_worker and system.name in SYSTEMS]
    slow = await low_bandwidth.measure(names, provider, LOW_BANDWIDTH_TIMES)
    if isinstance(slow, str):
        console.print(f"Nothing was measured over 5 Mbit/s: {slow}.")
    else:
        for name, samples in slow.items():
            results[name].merge(samples)
    return results
