"""Rows of the bench: what each means, and its samples as median, p95 and n."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import psutil

ROWS = {
    "heard_ms": "from the first push to the first sound",
    "stop_ms": "from an interruption to the last sound",
    "skew_ms": "picture after sound, at onsets after pauses of 0.1 to 30 s",
    "finish_lag_ms": "told of the end after the last sound",
    "position_error_ms": "told position less what was heard, at an interruption",
    "release_ms": "from an interruption until the agent is told",
    "clear_loaded_ms": "the same, with 20 s pushed at once",
    "clear_loaded_narrow_ms": "the same, over 5 Mbit/s",
    "kill_to_voice_ms": "from SIGKILL of the worker to the agent's voice",
    "freeze_to_voice_ms": "from SIGSTOP of the worker to the agent's voice",
    "words_lost": "words never heard, of an utterance under such a fault",
    "join_ms": "from the start to the first picture",
    "bystander_bytes": "raw speech that reached another listener, each minute of speech",
    "cpu_s_per_min": "CPU seconds of agent and worker, each minute of speech; 20 pictures a second",
}
"""Every row and what it says; in milliseconds where its name says so."""


@dataclass(slots=True)
class Samples:
    """What was measured, row by row.

    Attributes:
        values: Of each row.
        never: How often a row's event did not come at all.
    """

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    never: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: str, value: float | None) -> None:
        """One sample; None where what was waited for never came."""
        if row not in ROWS:
            raise KeyError(row)
        if value is None:
            self.never[row] += 1
        else:
            self.values[row].append(value)

    def add_s(self, row: str, seconds: float | None) -> None:
        """One sample of a row in milliseconds."""
        self.add(row, None if seconds is None else seconds * 1000)

    def join(self, other: Samples) -> None:
        """Take another's samples in."""
        for row, values in other.values.items():
            self.values[row] += values
        for row, count in other.never.items():
            self.never[row] += count

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """Median, p95, smallest, largest and n of each row."""
        rows: dict[str, dict[str, float | int | None]] = {}
        for row in ROWS:
            values, never = self.values.get(row, []), self.never.get(row, 0)
            if not values and not never:
                continue
            # Where lost, as far from right as it goes: a skew of -30 is worse than one of 10.
            by_size = sorted(values, key=abs)
            rows[row] = {
                "median": _round(np.median(values)) if values else None,
                "p95": _round(by_size[int(np.ceil(0.95 * len(by_size))) - 1]) if values else None,
                "min": _round(min(values)) if values else None,
                "max": _round(max(values)) if values else None,
                "n": len(values) + never,
            }
            if never:
                rows[row]["never"] = never
        return rows


def machine() -> dict[str, Any]:
    """What the figures were measured on; nothing that tells whose it is."""
    return {
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": _round(psutil.getloadavg()[0]),
        "livekit-agents": version("livekit-agents"),
        "livekit": version("livekit"),
    }


def _round(value: Any) -> float:
    return round(float(value), 1)
