"""Measures what a listener hears when a vendor's worker fails, on a real livekit-server.

python -m tests.long.vendor_faults [runs] [--report] [--without-reports] [--only NAME,...]
    [--first-sound SECONDS]

Prints a line for each fault, and exits with status 1 if a limit is missed. With `--report`, the
limits do not matter. With `--without-reports`, the worker reports neither the start nor the end of
a segment. With `--first-sound`, an avatar that was never heard has this time for its first sound.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.vendor_fault_run import FAULT_S, Measurement, VendorCase, VendorFaultRun

MOST_TWICE = 2
MOST_EVENT_S = 1.0
EARLY_S = 0.1
"""The error of the time of a fault. An earlier event has another cause."""
MOST_STOP_S = 1.0
"""The first promise: the player finishes an interrupted segment within 1 s."""
RUN_S = 120.0
AT = f"by_speech=1,{{}}_at_s={FAULT_S}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the longest time without a voice.

    Attributes:
        median_s: Limit of the median in seconds.
        p95_s: Limit of the 95th percentile in seconds.
    """

    median_s: float
    p95_s: float


DEAD, SILENT, LATE = Limits(0.6, 1.0), Limits(1.2, 1.8), Limits(math.inf, math.inf)

CASES: tuple[tuple[VendorCase, Limits], ...] = (
    (VendorCase("killed", AT.format("crash")), DEAD),
    (VendorCase("frozen", AT.format("freeze")), DEAD),
    (VendorCase("mutes itself", AT.format("mutes")), DEAD),
    (VendorCase("muted by the server", action="mute"), DEAD),
    (VendorCase("unpublishes", AT.format("unpublishes")), DEAD),
    (VendorCase("permission revoked", action="revoke"), DEAD),
    (VendorCase("event loop hangs", AT.format("hang")), SILENT),
    (VendorCase("plays silence", AT.format("silent")), SILENT),
    (VendorCase("stalls", AT.format("playout_stall")), SILENT),
    (VendorCase("silent from the start", "silent_at_s=0.001", from_start=True), SILENT),
    (VendorCase("no audio track", "no_audio_track=1", from_start=True), SILENT),
    (VendorCase("ignores the byte stream", "ignores_audio=1", from_start=True), SILENT),
    (VendorCase("discards the audio", "discards_audio=1", from_start=True), SILENT),
    (VendorCase("3 s behind", "playout_delay_s=3", is_alive=True), LATE),
    (
        VendorCase("3 s behind, early reports", "playout_delay_s=3,reports_early=1", is_alive=True),
        LATE,
    ),
    (
        VendorCase(
            "3 s behind, interrupted",
            "playout_delay_s=3,reports_early=1",
            action="interrupt",
            is_alive=True,
        ),
        LATE,
    ),
)


def find_misses(case: VendorCase, limits: Limits, runs: Sequence[Measurement]) -> list[str]:
    """Return the limits that the runs of a fault miss.

    Args:
        case: The fault.
        limits: The limits of its silence.
        runs: The measurements of the fault.

    Returns:
        The names of the limits.
    """
    silences_s = [run.silence_s for run in runs]
    events_s = [run.event_s for run in runs]
    checks = {
        "words lost": max(run.lost for run in runs) == 0,
        "words heard twice": max(run.twice for run in runs) <= MOST_TWICE,
        "history ahead": max(run.ahead for run in runs) == 0,
        "event": min(events_s) == math.inf
        if case.is_alive
        else all(-EARLY_S <= at_s <= MOST_EVENT_S for at_s in events_s),
        "silence, median": statistics.median(silences_s) <= limits.median_s,
        "silence, p95": percentile(silences_s) <= limits.p95_s,
        "stop": max(run.stop_s for run in runs) <= MOST_STOP_S,
    }
    return [name for name, holds in checks.items() if not holds]


def percentile(values: Sequence[float]) -> float:
    """Return the 95th percentile: the least value that 95 % of the values do not exceed.

    Args:
        values: At least one value.

    Returns:
        The percentile.
    """
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def describe(name: str, runs: Sequence[Measurement], misses: Sequence[str]) -> str:
    """Return the row of a fault.

    Args:
        name: The name of the fault.
        runs: The measurements of the fault.
        misses: The names of the limits that the runs miss.

    Returns:
        A row of the table.
    """
    silences_s = [run.silence_s for run in runs]
    events_s = [run.event_s for run in runs]
    cells = (
        f"{name:26}",
        f"{max(run.lost for run in runs):4}",
        f"{max(run.twice for run in runs):5}",
        f"{max(run.ahead for run in runs):5}",
        f"{statistics.median(events_s):6.2f}/{max(events_s):<6.2f}",
        f"{statistics.median(silences_s):6.2f}/{percentile(silences_s):<6.2f}",
        f"{max(run.stop_s for run in runs):5.2f}",
        ", ".join(misses) or "good",
    )
    return " | ".join(cells)


async def run(count: int, *, reports: bool, only: Sequence[str]) -> bool:
    """Measure every fault several times.

    Args:
        count: The number of runs of each fault.
        reports: Whether the worker sends the stock RPCs about its playback.
        only: Parts of the names of the faults to measure.

    Returns:
        Whether all limits hold.
    """
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    good = True
    LiveConversation.owns_children = False  # the simulator starts the workers
    print(
        "fault | words lost | twice | history ahead | event (s) | silence (s) | stop (s) | missed"
    )
    async with DevServer.start() as server, serving(simulator, say=lambda _: None) as address:
        settings = TavusSettings(api_url=address, api_key=SecretStr(KEY))
        for case, limits in CASES:
            if not any(part in case.name for part in only):
                continue
            results = []
            for _ in range(count):
                async with asyncio.timeout(RUN_S):
                    measured = VendorFaultRun(server, simulator, settings, case, reports=reports)
                    results.append(await measured.measure())
            misses = find_misses(case, limits, results)
            good = good and not misses
            print(describe(case.name, results, misses), flush=True)
    return good


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("runs", type=int, nargs="?", default=20)
    parser.add_argument("--report", action="store_true", help="ignore the limits")
    parser.add_argument("--without-reports", action="store_true", help="no stock RPCs")
    parser.add_argument("--only", default="", help="parts of the names of faults")
    parser.add_argument("--first-sound", default="5", help="the setting AVATAR_FIRST_SOUND_S")
    arguments = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    os.environ["AVATAR_FIRST_SOUND_S"] = arguments.first_sound
    only = arguments.only.split(",")
    good = asyncio.run(run(arguments.runs, reports=not arguments.without_reports, only=only))
    sys.exit(0 if good or arguments.report else 1)


if __name__ == "__main__":
    main()
