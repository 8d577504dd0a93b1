"""What the bench says: a table with ratios, a file of figures, and a picture of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bench.results import ROWS, Samples, machine

Figures = Mapping[str, Mapping[str, Any]]
"""Of each system: row -> median, p95, min, max, n, never."""

COLOURS = {"voice": "#8a8f98", "stock": "#d98c4a", "ours": "#3b7dd8", "ours-stock": "#86b6f0"}
DRAWN = ("heard_ms", "stop_ms", "skew_ms", "finish_lag_ms", "position_error_ms", "release_ms")


def figures_of(samples: Mapping[str, Samples]) -> dict[str, Any]:
    """All that is kept of a run: the machine and each system's rows."""
    return {
        "machine": machine(),
        "systems": {name: of_one.summary() for name, of_one in samples.items()},
    }


def write(figures: Mapping[str, Any], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


def show(systems: Figures, console: Console) -> None:
    """Print every row: `median / p95 (n)` of each system, and ours against the others."""
    table = Table(caption="median / p95 (n); p95 is the one farthest from 0 but for 5 %")
    table.add_column("")
    for name in systems:
        table.add_column(name, justify="right", style="bold" if name == "ours" else "")
    others = [name for name in ("voice", "stock") if name in systems and "ours" in systems]
    for name in others:
        table.add_column(f"ours : {name}", justify="right", style="dim")
    for row in ROWS:
        if any(row in of_one for of_one in systems.values()):
            cells = [cell(of_one.get(row)) for of_one in systems.values()]
            table.add_row(row, *cells, *(ratio(systems, row, name) for name in others))
    console.print(table)


def cell(figure: Mapping[str, Any] | None) -> str:
    """One figure in words."""
    if figure is None:
        return ""
    if figure["median"] is None:
        return f"never ({figure['n']})"
    never = f", never {figure['never']}" if figure.get("never") else ""
    return f"{figure['median']:.10g} / {figure['p95']:.10g} ({figure['n']}{never})"


def ratio(systems: Figures, row: str, other: str) -> str:
    """Ours over another's median, empty where that says nothing."""
    ours, theirs = (systems[name].get(row, {}).get("median") for name in ("ours", other))
    if ours is None or not theirs or ours * theirs < 0:
        return ""
    return f"{ours / theirs:.2f}"


def draw(samples: Mapping[str, Samples], path: Path) -> None:
    """Every sample of the latency rows as a dot, each system's median as a line; SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    rows = [row for row in DRAWN if any(row in of_one.values for of_one in samples.values())]
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(8, 1.3 * len(rows)), squeeze=False)
    for axis, row in zip(axes[:, 0], rows, strict=True):
        for place, (name, of_one) in enumerate(samples.items()):
            values = of_one.values.get(row, [])
            colour = COLOURS.get(name, "#555555")
            axis.plot(values, [-place] * len(values), "o", ms=4, alpha=0.45, color=colour)
            if values:
                median = sorted(values)[len(values) // 2]
                axis.plot([median] * 2, [-place - 0.35, -place + 0.35], color=colour, lw=2.5)
        axis.set_yticks([-place for place in range(len(samples))], list(samples), fontsize=8)
        axis.set_title(f"{row}: {ROWS[row]}", fontsize=9, loc="left")
        axis.axvline(0, color="#999999", lw=0.6)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_ylim(-len(samples) + 0.4, 0.6)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
