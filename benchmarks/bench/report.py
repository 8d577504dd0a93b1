"""Reports the results of the benchmark: a table with ratios, a JSON file, and a plot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bench.results import ROWS, Samples, describe_machine

Figures = Mapping[str, Mapping[str, Any]]
"""For each system the figures (median, p95, min, max, n, never) of each row."""

COLOURS = {"voice": "#8a8f98", "stock": "#d98c4a", "ours": "#3b7dd8", "ours-stock": "#86b6f0"}
PLOTTED = ("heard_ms", "stop_ms", "skew_ms", "finish_lag_ms", "position_error_ms", "release_ms")
"""The rows of the plot."""


def summarise(results: Mapping[str, Samples]) -> dict[str, Any]:
    """Return the contents of the JSON file: the machine, and each system's figures.

    Args:
        results: Samples by system.

    Returns:
        The facts about the machine under `machine`, and the figures of each system under `systems`.
    """
    return {
        "machine": describe_machine(),
        "systems": {name: samples.summary() for name, samples in results.items()},
    }


def write_figures(figures: Mapping[str, Any], path: Path) -> None:
    """Write the result of `summarise` as JSON.

    Args:
        figures: The result of `summarise`.
        path: The file; its folder is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


def print_table(systems: Figures, console: Console) -> None:
    """Print a table with `median / p95 (n)` of each row and system, and the ratios of medians.

    Args:
        systems: The figures of each system.
        console: Prints the table.
    """
    table = Table(caption="median / p95 (n); 5 % of the values are farther from zero than p95")
    table.add_column("")
    for name in systems:
        table.add_column(name, justify="right", style="bold" if name == "ours" else "")
    others = [name for name in ("voice", "stock") if name in systems and "ours" in systems]
    for name in others:
        table.add_column(f"ours : {name}", justify="right", style="dim")
    for row in ROWS:
        if any(row in rows for rows in systems.values()):
            cells = [format_cell(rows.get(row)) for rows in systems.values()]
            table.add_row(row, *cells, *(format_ratio(systems, row, name) for name in others))
    console.print(table)


def format_cell(figure: Mapping[str, Any] | None) -> str:
    """Format the figures of one row for a table.

    Args:
        figure: The figures `median`, `p95`, `n` and possibly `never`; None if there are no samples.

    Returns:
        The text of the cell; empty for None.
    """
    if figure is None:
        return ""
    if figure["median"] is None:
        return f"never ({figure['n']})"
    never = f", never {figure['never']}" if figure.get("never") else ""
    return f"{figure['median']:.10g} / {figure['p95']:.10g} ({figure['n']}{never})"


def format_ratio(systems: Figures, row: str, other: str) -> str:
    """Format the ratio of the median of `ours` to the median of another system.

    Args:
        systems: The figures of each system.
        row: Name of the row.
        other: Name of the other system.

    Returns:
        The ratio with two decimals; empty if a median is missing or 0, or the signs differ.
    """
    ours, theirs = (systems[name].get(row, {}).get("median") for name in ("ours", other))
    if ours is None or not theirs or ours * theirs < 0:
        return ""
    return f"{ours / theirs:.2f}"


def draw_plot(results: Mapping[str, Samples], path: Path) -> None:
    """Draw an SVG file with a dot for each sample of `PLOTTED`, and a line for each median.

    Args:
        results: Samples by system.
        path: The file; its folder is created.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    rows = [row for row in PLOTTED if any(row in samples.values for samples in results.values())]
    figure, axes = pyplot.subplots(len(rows), 1, figsize=(8, 1.3 * len(rows)), squeeze=False)
    for axis, row in zip(axes[:, 0], rows, strict=True):
        for line, (name, samples) in enumerate(results.items()):
            values = samples.values.get(row, [])
            colour = COLOURS.get(name, "#555555")
            axis.plot(values, [-line] * len(values), "o", ms=4, alpha=0.45, color=colour)
            if values:
                median = sorted(values)[len(values) // 2]
                axis.plot([median] * 2, [-line - 0.35, -line + 0.35], color=colour, lw=2.5)
        axis.set_yticks([-line for line in range(len(results))], list(results), fontsize=8)
        axis.set_title(f"{row}: {ROWS[row]}", fontsize=9, loc="left")
        axis.axvline(0, color="#999999", lw=0.6)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_ylim(-len(results) + 0.4, 0.6)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
