"""Writes docs/performance.md from the results of a run: `python -m benchmarks.bench.page`."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench.opening import draw_faults, render_opening
from benchmarks.bench.report import format_cell
from benchmarks.bench.results import ROWS
from benchmarks.bench.stress import CASES

FIGURES = Path("benchmarks/results/room.json")
STRESS = Path("benchmarks/results/strain.json")
SOAK = Path("benchmarks/results/soak.json")
WEAK_LINES = Path("benchmarks/results/weak_lines.md")
PAGE = Path("docs/performance.md")

SLOW_LINES = f"""
## On slow lines

Our worker encodes the video in layers with VP9, and the livekit-server forwards to each listener
the layers that fit the listener's line. A listener on a slow line therefore receives a smaller
video, or fewer frames per second. A listener on a fast line receives all layers. After a line
becomes full, the server needs about 3 s to choose other layers. Frames that are smaller than 480
pixels on the long side have one size, and only the frame rate can fall.

The command `python -m tests.long.weak_lines {WEAK_LINES}` measured the tables
below. For each worker, five listeners shared one room and received frames of 512 x 512 pixels, 25
per second. The queue of a line held 300 ms. The row "no limit" has no queue. The name *stock* means
the worker of livekit-agents.

The column `skew` is the median delay of the video behind the audio. Flashes of the video measure
the skew, and the local face has no flashes. On a line of 200 kbit/s the video is early: the
listener's jitter buffer delays the audio, and the video has no such delay.

The run needs two free cores. In a second run, with a load of 11 on two cores, the local face had
20.7 frames per second without a limit, 7.4 at 400 kbit/s, and a freeze of 5.0 s at 200 kbit/s.
"""

HEAD = """\
# What a listener hears and sees
{opening}
The command `make bench` measures what a listener hears and sees. An agent, the worker of its avatar
and a listener run in three processes, and share a room of a real livekit-server on the loopback
interface of one machine. The command `python -m benchmarks.bench.page` writes this page from the
file `{figures}`.

The benchmark compares four systems:

- **voice** is the reference. The agent publishes its own audio track with livekit-agents, and there
  is no avatar.
- **stock** uses only the avatar classes of livekit-agents: `DataStreamAudioOutput` in the agent,
  and `DataStreamAudioReceiver` and `AvatarRunner` with their defaults in the worker. A generator in
  the worker makes one video frame and one audio frame every 40 ms.
- **ours** uses avatar-core in the agent and the worker of avatar-core.
- **ours-stock** uses avatar-core in the agent and the worker of *stock*. A vendor whose worker uses
  LiveKit's classes behaves in the same way.

All workers draw the same video frames of 256 x 256 pixels, 25 frames per second. The measurement of
CPU time uses 20 frames per second, because the stock worker encodes no more. All systems receive
the same audio in frames of 20 ms, five times faster than real time. The systems take turns in
rounds, and each turn uses a new room. The benchmark ignores the first two speeches in each room.
Each cell holds `median / p95 (n)`: 5 % of the values are farther from zero than p95, and n is the
number of values. The delay of a listener's jitter buffer varies between 20 and 60 ms, so compare
only figures of the same run.
"""

TAIL = """
## How to read the table

{rows}

The environment of the run was: {machine}.
"""


def render_page(figures: Mapping[str, Any], source: str) -> str:
    """Write the main part of the page in Markdown.

    Args:
        figures: The results, from `report.summarise`.
        source: Path of the file with the results.

    Returns:
        The Markdown text.
    """
    systems = figures["systems"]
    lines = [HEAD.format(figures=source, opening=render_opening(systems))]
    lines.append("| | " + " | ".join(systems) + " |")
    lines.append("| --- |" + " ---: |" * len(systems))
    for row in ROWS:
        if any(row in rows for rows in systems.values()):
            cells = [format_cell(rows.get(row)) for rows in systems.values()]
            lines.append(f"| `{row}` | " + " | ".join(cells) + " |")
    meanings = "\n".join(f"- `{row}`: {meaning}." for row, meaning in ROWS.items())
    machine = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    return "\n".join(lines) + "\n" + TAIL.format(rows=meanings, machine=machine)


def render_stress(cases: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return the results of `make strain` as a section in Markdown.

    Args:
        cases: The values of each row, by the name of the case and of the row.

    Returns:
        The Markdown text.
    """
    source = f"The command `make strain` wrote the following results to `{STRESS}`."
    lines = ["", "## Under stress", "", source, ""]
    for name, rows in cases.items():
        _, case = CASES[name]
        figures = ", ".join(f"`{row}` {value}" for row, value in rows.items())
        lines.append(f"- **{name}**. {inspect.getdoc(case)} Results: {figures}.")
    return "\n".join(lines) + "\n"


def render_soak(samples: Sequence[Mapping[str, float]]) -> str:
    """Return the resources between the sessions of `make soak` as a section in Markdown.

    Args:
        samples: The samples of the run, as `soak.Sample` has them.

    Returns:
        The Markdown text.
    """
    between = [sample for sample in samples if sample["between"]]
    ranges = [
        f"{name.replace('_mb', '')} {min(values):g} to {max(values):g}"
        + " MB" * name.endswith("mb")
        for name in between[0]
        if name not in ("at_s", "between")
        for values in [[sample[name] for sample in between]]
    ]
    minutes = samples[-1]["at_s"] / 60
    return f"""
## Over time

The command `make soak` ran conversations for {minutes:.0f} minutes. The run interrupted the agent
at random moments, and killed the worker every two minutes. Between the {len(between)} sessions of
the run, the resources of the agent's process stayed in these ranges: {", ".join(ranges)}.
"""


def main() -> None:
    """Write docs/performance.md from the result files, and print its path."""
    figures = json.loads(FIGURES.read_text())
    draw_faults(figures["systems"])
    sections = [render_page(figures, FIGURES.as_posix())]
    if STRESS.exists():
        sections.append(render_stress(json.loads(STRESS.read_text())))
    if SOAK.exists():
        sections.append(render_soak(json.loads(SOAK.read_text())))
    if WEAK_LINES.exists():
        sections.append(SLOW_LINES + WEAK_LINES.read_text())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("".join(sections))
    sys.stdout.write(f"Page: {PAGE}\n")


if __name__ == "__main__":
    main()
