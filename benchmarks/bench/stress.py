"""`make strain`: what a conversation is put through, and whether sync and truth come back.

A host that hiccups, pauses of 30 s, a renderer that is too slow or stalls, and minutes of
unbroken speech (STRAIN_MINUTES, 10). Figures go to `benchmarks/results/strain.json`.
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
from benchmarks.bench.listening import Heard
from benchmarks.bench.results import Samples
from benchmarks.bench.run import seated
from benchmarks.bench.stimulus import BEEP_S, GAPS_S, PICTURE_S, beeps, silence
from benchmarks.bench.systems import Ours, Seat
from benchmarks.bench.turns import Place, cut_turn, skews, whole_turn

OUT = Path(os.environ.get("BENCH_RESULTS") or "benchmarks/results") / "strain.json"
BREAK_S = 0.4
BEEPS = len(GAPS_S) + 1
LAST_BEEP_S = len(GAPS_S) * BEEP_S + sum(GAPS_S)
"""When the last of them begins."""
ROUND_S = LAST_BEEP_S + BEEP_S + BREAK_S
HICCUP_S = 0.2
PAUSE_S = 30.0
HICCUPS, ROUNDS = 4, 4
TOLD_S = 10.0
SLOW_S = 0.06
"""A picture's time with a renderer that makes 17 a second of 25."""

Rows = dict[str, float | int | None]
Case = Callable[[Place, Seat], Awaitable[Rows]]


async def unbroken(place: Place, seat: Seat) -> Rows:
    """Minutes of speech in one utterance: nothing drifts, nothing is missing."""
    minutes = float(os.environ.get("STRAIN_MINUTES") or 10)
    rounds = round(minutes * 60 / ROUND_S)
    worker = psutil.Process(seat.workers[0])
    place.speaker.say((beeps() + silence(BREAK_S)) * rounds)
    await asyncio.sleep(min(60.0, minutes * 30))
    before_mb, first = worker.memory_info().rss / 1e6, await _heard(place, 0.0)
    told = await place.speaker.told(rounds * ROUND_S + TOLD_S)
    after_mb = worker.memory_info().rss / 1e6
    whole = await place.settle()
    last = await place.listening.heard(loop_time() - 60.0)
    spoken_s = (rounds - 1) * ROUND_S + LAST_BEEP_S
    return {
        **_skew("first", first),
        **_skew("last", last),
        "onsets_missing": rounds * BEEPS - len(whole.onsets),
        "drift_ms": _ms(whole.onsets[-1] - whole.onsets[0] - spoken_s),
        "position_error_ms": _ms(told.position_s - rounds * ROUND_S) if told else None,
        "worker_grew_mb": round(after_mb - before_mb, 1),
    }


async def hiccup(place: Place, seat: Seat) -> Rows:
    """The whole host stands still for 200 ms: agent and worker, in mid-speech."""
    return await _hiccups(place, seat, agent_too=True)


async def worker_hiccup(place: Place, seat: Seat) -> Rows:
    """The worker's process alone stands still for 200 ms."""
    return await _hiccups(place, seat, agent_too=False)


async def long_pause(place: Place, seat: Seat) -> Rows:
    """After 30 s of nothing the first words are in time and in sync."""
    place.samples = Samples()
    for _ in range(2):
        await asyncio.sleep(PAUSE_S)
        await whole_turn(place)
        await cut_turn(place, random.Random(1))  # noqa: S311
    return {name: row["median"] for name, row in place.samples.summary().items()}


async def whole_turns(place: Place, seat: Seat) -> Rows:
    """Five turns with whatever the renderer does: sound and truth must not know of it."""
    place.samples = Samples()
    for _ in range(5):
        await whole_turn(place)
        await cut_turn(place, random.Random(1))  # noqa: S311
    return {name: row["median"] for name, row in place.samples.summary().items()}


CASES: Mapping[str, tuple[str, Case]] = {
    "hiccup of the host": ("", hiccup),
    "hiccup of the worker": ("", worker_hiccup),
    "pauses of 30 s": ("", long_pause),
    "a slow renderer": (f"renderer_slow_s={SLOW_S}", whole_turns),
    "a renderer that stalls": ("stall_at_s=12,stall_s=0.5", whole_turns),
    "unbroken speech": ("", unbroken),
}
"""By name: what the mock's scenario is, and what is done."""


async def _hiccups(place: Place, seat: Seat, *, agent_too: bool) -> Rows:
    settled: list[float] = []
    positions: list[float] = []
    again_s, tracks = 0.0, set[str]()
    for number in range(HICCUPS):
        place.speaker.say((beeps() + silence(BREAK_S)) * ROUNDS)
        await asyncio.sleep(1.0 + 0.37 * number)
        seat.signal(signal.SIGSTOP)
        if agent_too:
            time.sleep(HICCUP_S)  # noqa: ASYNC251
        else:
            await asyncio.sleep(HICCUP_S)
        seat.signal(signal.SIGCONT)
        over_at = loop_time()
        told = await place.speaker.told(ROUNDS * ROUND_S + TOLD_S)
        heard = await place.settle()
        tracks |= set(heard.sounds)
        positions.append(abs(told.position_s - ROUNDS * ROUND_S) if told else TOLD_S)
        # From their ends, for a gap in a beep makes two of it; the nearest may be its neighbour.
        pairs = [
            (on, light - on)
            for on, light in zip(heard.onsets[::-1], heard.lights[::-1], strict=False)
        ]
        settled += [skew_s for _, skew_s in pairs[:BEEPS]]
        wrong = [on - over_at for on, skew_s in pairs if abs(skew_s) > PICTURE_S]
        again_s = max(again_s, *wrong, 0.0)
    return {
        "skew_settled_ms": _ms(statistics.median(settled)),
        "skew_settled_worst_ms": _ms(max(settled, key=abs)),
        "in_sync_again_s": round(again_s, 1),
        "position_error_ms": _ms(max(positions)),
        "avatar_lost": len(tracks) - 1,
    }


async def _heard(place: Place, after_s: float) -> Heard:
    return await place.listening.heard(place.speaker.pushed_at + after_s)


def _skew(name: str, heard: Heard) -> Rows:
    found = skews(heard)
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
            async with seated(Ours(server, "mock" if scenario else ""), Samples()) as (place, seat):
                await whole_turn(place)
                results[name] = await case(place, seat)
            console.print(name, style="bold")
            for row, value in results[name].items():
                console.print(f"  {row:22} {value}")
    return results


def main() -> int:
    """Run every case, print what came of it, and keep it."""
    for name in ("livekit", "avatar_core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    results = asyncio.run(_run(Console()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
