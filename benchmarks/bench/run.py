"""A run of the bench: systems take turns in rounds, so that what drifts hits all alike."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.bench.driver import Speaker
from benchmarks.bench.faults import cpu, fall, loaded_clear
from benchmarks.bench.listening import Listening
from benchmarks.bench.results import Samples
from benchmarks.bench.systems import FPS, Seat, System
from benchmarks.bench.turns import Place, cut_turn, whole_turn

PICTURE_S = 10.0
PAUSES_S = (0.1, 0.3, 1.0, 3.0)
LONG_PAUSE_S = 30.0
CPU_FPS = 20
"""The stock worker's publication encodes no more: so both encode as many."""
VISIT_S = 240.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: Every system is visited once a round.
        turns: Of each visit that count; each is one utterance heard out and one interrupted.
        falls: Kills, and as many freezes, of a visit.
        stock_falls: The same where the worker is the stock one; each waits long, or in vain.
        loaded: Interruptions with 20 s pushed, of a visit.
        long_pause: Whether one turn follows a pause of 30 s.
        cpu: Whether CPU is measured, in a visit of its own.
    """

    rounds: int = 3
    turns: int = 5
    falls: int = 5
    stock_falls: int = 1
    loaded: int = 3
    long_pause: bool = True
    cpu: bool = True


QUICK = Plan(rounds=1, turns=3, falls=1, loaded=1, long_pause=False)


async def run(
    systems: Sequence[System], plan: Plan, tell: Tell, *, seed: int = 1
) -> dict[str, Samples]:
    """Measure each system; samples by its name.

    Args:
        systems: In the order of a round.
        plan: How much.
        tell: Told what is going on.
        seed: Of every random moment.
    """
    results = {system.name: Samples() for system in systems}
    for number in range(plan.rounds):
        for system in systems:
            chance = random.Random(f"{seed} {number} {system.name}")  # noqa: S311
            samples = results[system.name]
            tell(f"round {number + 1} of {plan.rounds}: {system.name}")
            async with asyncio.timeout(VISIT_S):
                await _visit(system, plan, number, samples, chance)
            if not system.has_worker:
                continue
            for _ in range(plan.falls if system.name == "ours" else plan.stock_falls):
                for kind in (signal.SIGKILL, signal.SIGSTOP):
                    tell(f"round {number + 1} of {plan.rounds}: {system.name}, {kind.name}")
                    async with asyncio.timeout(VISIT_S):
                        await _fall(system, kind, samples, chance)
    return results


async def _visit(
    system: System, plan: Plan, number: int, samples: Samples, chance: random.Random
) -> None:
    async with seated(system, samples) as (place, _):
        await _warm_up(place, chance)
        place.samples = samples
        for turn in range(plan.turns):
            late = plan.long_pause and turn == plan.turns - 1 and number == 0
            await asyncio.sleep(LONG_PAUSE_S if late else PAUSES_S[turn % len(PAUSES_S)])
            await whole_turn(place)
            await cut_turn(place, chance)
        for _ in range(plan.loaded):
            await loaded_clear(place, chance)
    if not plan.cpu:
        return
    system.fps = CPU_FPS
    async with seated(system, Samples()) as (place, seat):
        await _warm_up(place, chance)
        await cpu(place, seat, samples)
    system.fps = FPS


async def _fall(
    system: System, kind: signal.Signals, samples: Samples, chance: random.Random
) -> None:
    async with seated(system, Samples()) as (place, seat):
        await _warm_up(place, chance)
        place.samples = samples
        await fall(place, seat, kind, chance)


@asynccontextmanager
async def seated(system: System, samples: Samples) -> AsyncIterator[tuple[Place, Seat]]:
    """A system in a new room with a listener who sees it; `join_ms` is its first sample."""
    room_name = f"bench-{secrets.token_hex(4)}"
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        listening = await Listening.start(system.server.url, system.token(room_name, "listener"))
        stack.push_async_callback(listening.stop)
        seat = await system.enter(stack, room_name)
        speaker = Speaker(seat.output)
        speaker.pushed_at = loop.time()
        if system.has_worker:
            async with asyncio.timeout(PICTURE_S):
                seen = await listening.first_picture()
            samples.add_s("join_ms", seen - seat.began)
        yield Place(speaker, listening, Samples()), seat


async def _warm_up(place: Place, chance: random.Random) -> None:
    """The first two utterances of a visit, which count for nothing."""
    await whole_turn(place)
    await cut_turn(place, chance)
