"""The command line of the benchmark: `python -m benchmarks.bench --quick`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.bench.main import main


def bench(
    provider: Annotated[
        str, typer.Option(help="Provider of the system `ours`; by default our own worker.")
    ] = "",
    quick: Annotated[
        bool, typer.Option(help="Measure a few turns, in a few minutes instead of half an hour.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure only this system: voice, stock, ours, ours-stock or one of "
            "--compare-with. May be repeated."
        ),
    ] = None,
    compare_with: Annotated[
        list[str] | None,
        typer.Option(help="Also measure this installed provider, such as tavus. May be repeated."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="File for the results; the plot is written beside it.")
    ] = Path("benchmarks/results/room.json"),
) -> None:
    """Measure what a listener hears and sees, and compare it with livekit-agents' avatar stack."""
    code = main(provider, quick=quick, only=only or [], compare_with=compare_with or [], out=out)
    raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(bench)
