"""Measure what a listener hears and sees: `python -m benchmarks.bench --quick`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.bench.main import main


def bench(
    provider: Annotated[
        str, typer.Option(help="What `ours` speaks through; else our own worker.")
    ] = "",
    quick: Annotated[
        bool, typer.Option(help="A few turns, in a few minutes; else about half an hour.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure this alone: voice, stock, ours, ours-stock, one beside."),
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help="Measure this installed provider too, like tavus.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Where the figures go; the plot goes beside them.")
    ] = Path("benchmarks/results/room.json"),
) -> None:
    """Measure what a listener hears and sees, beside livekit-agents' own avatar stack."""
    raise typer.Exit(main(provider, quick=quick, only=only or [], beside=beside or [], out=out))


if __name__ == "__main__":
    typer.run(bench)
