"""`python -m benchmarks.bench.page`: writes docs/performance.md from the figures of a run."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench.report import cell
from benchmarks.bench.results import ROWS
from benchmarks.bench.stress import CASES

FIGURES = Path("benchmarks/results/room.json")
STRAIN = Path("benchmarks/results/strain.json")
SOAK = Path("benchmarks/results/soak.json")
PAGE = Path("docs/performance.md")

HEAD = """\
# What a listener hears and sees

Measured by `make bench` at the listener's end: an agent, an avatar's worker in a process of its
own, and a listener in a third, in one room of a real livekit-server on the loopback of one
machine. This page is written from `{figures}` by `python -m benchmarks.bench.page`.

- **voice** is the floor: the agent's own track, published by livekit-agents, and no avatar.
- **stock** is what livekit-agents ships: `DataStreamAudioOutput`, and in the worker
  `DataStreamAudioReceiver` and `AvatarRunner` with their defaults, and a generator that makes one
  picture and one frame of sound each 40 ms.
- **ours** is avatar-core with its worker; **ours-stock** is our agent with the stock
  worker, as with a vendor who uses LiveKit's classes.

All draw the same pictures, 256 pixels square, 25 a second (20 where CPU is measured, as a
stock publication encodes no more), and are given the same sound in
frames of 20 ms, five times faster than it is spoken. Systems take turns in rounds, each time in
a new room; the first two utterances of each visit are left out. Figures are `median / p95 (n)`,
where p95 is the value farthest from nothing but for one in twenty. A listener's jitter buffer
wanders between 20 and 60 ms by itself: compare within one run, never across.
"""

TAIL = """
## How to read it

{rows}

Measured with {machine}.
"""


def page(figures: Mapping[str, Any], source: str) -> str:
    """The page in Markdown."""
    systems = figures["systems"]
    lines = [HEAD.format(figures=source), "| | " + " | ".join(systems) + " |"]
    lines.append("| --- |" + " ---: |" * len(systems))
    for row in ROWS:
        if any(row in of_one for of_one in systems.values()):
            cells = [cell(of_one.get(row)) for of_one in systems.values()]
            lines.append(f"| `{row}` | " + " | ".join(cells) + " |")
    meanings = "\n".join(f"- `{row}`: {meaning}." for row, meaning in ROWS.items())
    facts = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    return "\n".join(lines) + "\n" + TAIL.format(rows=meanings, machine=facts)


def strained(cases: Mapping[str, Mapping[str, float | None]]) -> str:
    """What `make strain` found, as a section."""
    lines = ["", "## Under strain", "", f"Measured by `make strain`, kept in `{STRAIN}`.", ""]
    for name, rows in cases.items():
        _, case = CASES[name]
        figures = ", ".join(f"`{row}` {value}" for row, value in rows.items())
        lines.append(f"- **{name}**. {inspect.getdoc(case)} {figures}.")
    return "\n".join(lines) + "\n"


def soaked(samples: Sequence[Mapping[str, float]]) -> str:
    """What `make soak` left behind between its sessions, as a section."""
    between = [sample for sample in samples if sample["between"]]
    ranges = [
        f"{name.replace('_mb', '')} {min(values):g} to {max(values):g}"
        + " MB" * name.endswith("mb")
        for name in between[0]
        if name not in ("at_s", "between")
        for values in [[sample[name] for sample in between]]
    ]
    return f"""
## Over time

{samples[-1]["at_s"] / 60:.0f} minutes of conversation by `make soak`, with random interruptions and
a kill each two minutes. Between its {len(between)} sessions: {", ".join(ranges)}.
"""


def main() -> None:
    """Write the page, and show where."""
    figures = json.loads(FIGURES.read_text())
    sections = [page(figures, FIGURES.as_posix())]
    if STRAIN.exists():
        sections.append(strained(json.loads(STRAIN.read_text())))
    if SOAK.exists():
        sections.append(soaked(json.loads(SOAK.read_text())))
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("".join(sections))
    sys.stdout.write(f"Page: {PAGE}\n")


if __name__ == "__main__":
    main()
