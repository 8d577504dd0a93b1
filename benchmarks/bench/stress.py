"""`make strain`: measures synchronisation and reported positions under difficult conditions.

The cases are a host or worker that stops for 200 ms, pauses of 30 s, a renderer that is too slow
or stalls, and a
speech of STRAIN_MINUTES minutes, by default 10. The results go to `benchmarks/results/strain.json`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import psutil
from rich.console import Console

from avatar_core.contracts.clock import loop_time
from avatar_core.testing.server import DevServer
from benchmarks.bench.listening import Received
from benchmarks.bench.results import Samples
from benchmarks.bench.run import open_session
from benchmarks.bench.stimulus import BEEP_S, FRAME_PERIOD_S, GAPS_S, beeps, silence
from benchmarks.bench.systems import Ours, Session
from benchmarks.bench.turns import (
    Measurement,
    measure_interrupted_turn,
    measure_whole_turn,
    skews,
)

OUT = Path(os.environ.get("BENCH_RESULTS") or "benchmarks/results") / "strain.json"
BREAK_S = 0.4
BEEPS = len(GAPS_S) + 1
LAST_BEEP_S = len(GAPS_S) * BEEP_S + sum(GAPS_S)
"""Start of the last beep of a round."""
ROUND_S = LAST_BEEP_S + BEEP_S + BREAK_S
STOP_S = 0.2
PAUSE_S = 30.0
STOPS, ROUNDS = 4, 4
TIMEOUT_S = 10.0
SLOW_S = 0.06
"""Time for one frame of a renderer that reaches 17 of 25 frames per second."""

Rows = dict[str, float | int | None]
Case = Callable[[Measurement, Session], Awaitable[Rows]]


async def long_speech(measurement: Measurement, session: Session) -> Rows:
    """In a speech of several minutes, audio and video must stay in sync and no beep may be lost."""
    minutes = float(os.environ.get("STRAIN_MINUTES") or 10)
    rounds = round(minutes * 60 / ROUND_S)
    worker = psutil.Process(session.workers[0])
    driver, listener = measurement.driver, measurement.listener
    driver.say((beeps() + silence(BREAK_S)) * rounds)
    await asyncio.sleep(min(60.0, minutes * 30))
    before_mb = worker.memory_info().rss / 1e6
    first = await listener.read(driver.pushed_at)
    end = await driver.wait_for_end(rounds * ROUND_S + TIMEOUT_S)
    after_mb = worker.memory_info().rss / 1e6
    whole = await measurement.settle()
    last = await listener.read(loop_time() - 60.0)
    spoken_s = (rounds - 1) * ROUND_S + LAST_BEEP_S
    return {
        **_skew("first", first),
        **_skew("last", last),
        "onsets_missing": rounds * BEEPS - len(whole.onsets),
        "drift_ms": _ms(whole.onsets[-1] - whole.onsets[0] - spoken_s),
        "position_error_ms": _ms(end.position_s - rounds * ROUND_S) if end else None,
        "worker_grew_mb": round(after_mb - before_mb, 1),
    }


async def stop_host(measurement: Measurement, session: Session) -> Rows:
    """The agent and the worker stop for 200 ms during a speech, as on a suspended host."""
    return await _measure_stops(measurement, session, agent_too=True)


async def stop_worker(measurement: Measurement, session: Session) -> Rows:
    """Only the process of the worker stops for 200 ms during a speech."""
    return await _measure_stops(measurement, session, agent_too=False)


async def long_pause(measurement: Measurement, session: Session) -> Rows:
    """After 30 s of silence, the first words must be on time, and the video must be in sync."""
    measurement.samples = Samples()
    for _ in range(2):
        await asyncio.sleep(PAUSE_S)
        await measure_whole_turn(measurement)
        await measure_interrupted_turn(measurement, random.Random(1))  # noqa: S311
    return {name: row["median"] for name, row in measurement.samples.summary().items()}


async def five_turns(measurement: Measurement, session: Session) -> Rows:
    """In five turns, the renderer must not delay the audio or the reported positions."""
    measurement.samples = Samples()
    for _ in range(5):
        await measure_whole_turn(measurement)
        await measure_interrupted_turn(measurement, random.Random(1))  # noqa: S311
    return {name: row["median"] for name, row in measurement.samples.summary().items()}


CASES: Mapping[str, tuple[str, Case]] = {
    "stopped host": ("", stop_host),
    "stopped worker": ("", stop_worker),
    "pauses of 30 s": ("", long_pause),
    "slow renderer": (f"renderer_slow_s={SLOW_S}", five_turns),
    "stalling renderer": ("stall_at_s=12,stall_s=0.5", five_turns),
    "long speech": ("", long_speech),
}
"""The scenario of the mock provider (or none) and the measurement of each case, by name."""


async def _measure_stops(measurement: Measurement, session: Session, *, agent_too: bool) -> Rows:
    settled: list[float] = []
    positions: list[float] = []
    recovered_s, tracks = 0.0, set[str]()
    for number in range(STOPS):
        measurement.driver.say((beeps() + silence(BREAK_S)) * ROUNDS)
        await asyncio.sleep(1.0 + 0.37 * number)
        session.signal(signal.SIGSTOP)
        if agent_too:
            time.sleep(STOP_S)  # noqa: ASYNC251
        else:
            await asyncio.sleep(STOP_S)
        session.signal(signal.SIGCONT)
        resumed_at = loop_time()
        end = await measurement.driver.wait_for_end(ROUNDS * ROUND_S + TIMEOUT_S)
        received = await measurement.settle()
        tracks |= set(received.sounds)
        positions.append(abs(end.position_s - ROUNDS * ROUND_S) if end else TIMEOUT_S)
        # Pairs sounds and flashes from the end, because a gap splits a beep into two sounds.
        pairs = [
            (onset, flash - onset)
            for onset, flash in zip(received.onsets[::-1], received.flashes[::-1], strict=False)
        ]
        settled += [skew_s for _, skew_s in pairs[:BEEPS]]
        late = [onset - resumed_at for onset, skew_s in pairs if abs(skew_s) > FRAME_PERIOD_S]
        recovered_s = max(recovered_s, *late, 0.0)
    return {
        "skew_settled_ms": _ms(statistics.median(settled)),
        "skew_settled_worst_ms": _ms(max(settled, key=abs)),
        "in_sync_again_s": round(recovered_s, 1),
        "position_error_ms": _ms(max(positions)),
        "avatar_lost": len(tracks) - 1,
    }


def _skew(name: str, received: Received) -> Rows:
    found = skews(received)
    return {
        f"skew_{name}_ms": _ms(statistics.median(found)) if found else None,
        f"skew_{name}_worst_ms": _ms(max(found, key=abs)) if found else None,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


async def _run(console: Console) -> dict[str, Rows]:
    results: dict[str, Rows] = {}
    async with DevServer.from_environment() as server:
        for name, (scenario, case) in CASES.items():
            os.environ["AVATAR_MOCK_SCENARIO"] = scenario
            system = Ours(server, "mock" if scenario else "")
            async with open_session(system, Samples()) as (measurement, session):
                await measure_whole_turn(measurement)
                results[name] = await case(measurement, session)
            console.print(name, style="bold")
            for row, value in results[name].items():
                console.print(f"  {row:22} {value}")
    return results


def main() -> int:
    """Run all cases, print the results, and write them to a file.

    Returns:
        The exit code 0.
    """
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    results = asyncio.run(_run(Console()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
