"""The start of docs/performance.md: three numbers, and a plot of the time without a voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.bench.report import COLOURS, Figures

PLOT = Path("docs/img/faults.svg")
LABELS = {
    "kill_to_voice_ms": "killed",
    "freeze_to_voice_ms": "frozen",
    "mute_to_voice_ms": "muted",
    "silence_to_voice_ms": "plays silence",
}
WITHOUT, WITH = "stock", "ours-stock"
"""The same vendor's worker without and with avatar-core."""
NAMES = {"ours": "avatar-core, own worker", WITH: "avatar-core, stock worker", WITHOUT: "stock"}

OPENING = """
A vendor's worker fails in the middle of a speech:

- The listener loses **{lost:.3g} of 16 words** with avatar-core, and {stock_lost:.3g} with
  livekit-agents alone.
- The agent's voice continues after **{killed_s:.2f} s** if the worker is killed, and after
  {silent_s:.2f} s if the worker plays silence. With livekit-agents alone, the agent remains silent.
- The chat history contains **{ahead:.3g} words** that the listener did not hear, and
  {stock_ahead:.3g} with livekit-agents alone.

![Seconds from the fault of a worker to the agent's voice, for four faults](img/faults.svg)

All figures of this page are medians of one run on one machine.
"""


def render_opening(systems: Figures) -> str:
    """Write the three numbers that compare a vendor's worker with and without avatar-core.

    Args:
        systems: The figures of each system.

    Returns:
        The text in Markdown; empty if a figure is missing.
    """
    median = {
        (name, row): figure["median"]
        for name in (WITH, WITHOUT)
        for row, figure in systems.get(name, {}).items()
    }
    try:
        return OPENING.format(
            lost=median[WITH, "words_lost"],
            stock_lost=median[WITHOUT, "words_lost"],
            killed_s=median[WITH, "kill_to_voice_ms"] / 1000,
            silent_s=median[WITH, "silence_to_voice_ms"] / 1000,
            ahead=median[WITH, "words_not_heard"],
            stock_ahead=median[WITHOUT, "words_not_heard"],
        )
    except (KeyError, TypeError):
        return ""


def draw_faults(systems: Figures, path: Path = PLOT) -> None:
    """Draw an SVG file with a bar for each fault and system.

    Args:
        systems: The figures of each system.
        path: The file; its folder is created.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "avatar-core"
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 3.4))
    shown = [name for name in NAMES if name in systems]
    height = 0.8 / len(shown)
    for line, name in enumerate(shown):
        for place, row in enumerate(LABELS):
            at = place + line * height
            _draw_bar(axis, at, height, systems[name].get(row), COLOURS[name])
        axis.barh(0, 0, color=COLOURS[name], label=NAMES[name])
    middle = (len(shown) - 1) * height / 2
    axis.set_yticks([place + middle for place in range(len(LABELS))], list(LABELS.values()))
    axis.set_ylim(len(LABELS) - height, -height)
    axis.set_xlabel("seconds without a voice: median, and a line to p95")
    axis.legend(frameon=False, loc="upper right")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _draw_bar(axis: Any, at: float, height: float, figure: Any, colour: str) -> None:
    """Draw one bar, or a text if the voice never continued; nothing without samples."""
    if figure is None:
        return
    if figure["median"] is None:
        axis.text(0.01, at, "never", va="center", fontsize=8, color=colour)
        return
    axis.barh(at, figure["median"] / 1000, height * 0.9, color=colour)
    axis.plot([figure["median"] / 1000, figure["p95"] / 1000], [at, at], color="#444444", lw=1)
