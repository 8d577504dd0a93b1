"""The rows of the benchmark's results, and their samples."""

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
    "heard_ms": "time from the first audio frame of the agent to the first sound at the listener",
    "stop_ms": "time from an interruption to the last sound at the listener",
    "skew_ms": "delay of video behind audio, at the first sound after a pause of 0.1 to 30 s",
    "finish_lag_ms": "time from the last sound to `playback_finished`",
    "position_error_ms": "reported position minus the audio that was heard, at an interruption",
    "release_ms": "time from an interruption to `playback_finished`",
    "clear_loaded_ms": "`release_ms` if the agent has pushed 20 s of audio at once",
    "clear_loaded_narrow_ms": "`clear_loaded_ms` over a network of 5 Mbit/s",
    "kill_to_voice_ms": "time from a `SIGKILL` of the worker to the agent's voice",
    "freeze_to_voice_ms": "time from a `SIGSTOP` of the worker to the agent's voice",
    "silence_to_voice_ms": "time from the silence of a worker to the agent's voice",
    "mute_to_voice_ms": "time from the mute of the worker's audio track to the agent's voice",
    "words_lost": "words of a speech that the listener never heard, after one of these faults",
    "words_not_heard": "words that the reported position contains and the listener never heard",
    "join_ms": "time from the start of the avatar to the first video frame at the listener",
    "bystander_bytes": "bytes of raw speech that another listener received, per minute of speech",
    "cpu_s_per_min": "CPU seconds of agent and worker per minute of speech at 20 frames per second",
}
"""The meaning of each row. The unit of a row whose name ends in `_ms` is milliseconds."""


@dataclass(slots=True)
class Samples:
    """The measured values of one system.

    Attributes:
        values: The measured values, by the name of the row.
        never: Number of measurements in which the event did not happen, by the name of the row.
    """

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    never: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: str, value: float | None) -> None:
        """Add a sample.

        Args:
            row: Name of the row.
            value: The value; None if the event did not happen.

        Raises:
            KeyError: `ROWS` does not contain the row.
        """
        if row not in ROWS:
            raise KeyError(row)
        if value is None:
            self.never[row] += 1
        else:
            self.values[row].append(value)

    def add_s(self, row: str, seconds: float | None) -> None:
        """Add a sample to a row in milliseconds.

        Args:
            row: Name of the row.
            seconds: The value in seconds; None if the event did not happen.

        Raises:
            KeyError: `ROWS` does not contain the row.
        """
        self.add(row, None if seconds is None else seconds * 1000)

    def merge(self, other: Samples) -> None:
        """Add all samples of another `Samples` object.

        Args:
            other: The other samples.
        """
        for row, values in other.values.items():
            self.values[row] += values
        for row, count in other.never.items():
            self.never[row] += count

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """Compute the figures of each row that has samples.

        Returns:
            `median`, `p95`, `min`, `max` and `n` of each row, and `never` if it is not 0. The first
            four are None if the event never happened.
        """
        rows: dict[str, dict[str, float | int | None]] = {}
        for row in ROWS:
            values, never = self.values.get(row, []), self.never.get(row, 0)
            if not values and not never:
                continue
            # p95 is sorted by distance from zero, because a skew of -30 is worse than one of 10.
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


def describe_machine() -> dict[str, Any]:
    """Describe the machine and the versions of the software.

    Returns:
        The operating system, the Python version, the number of cores, the load, and the versions of
        LiveKit's packages. Nothing in it identifies the machine.
    """
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
