"""Runs the benchmark in rounds, so that slow changes of the machine affect all systems alike."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.bench.driver import SpeechDriver
from benchmarks.bench.faults import (
    FAULTS,
    KILLS,
    measure_cpu,
    measure_fault,
    measure_loaded_clear,
)
from benchmarks.bench.listening import RemoteListener
from benchmarks.bench.results import Samples
from benchmarks.bench.systems import FPS, Session, System
from benchmarks.bench.turns import Measurement, measure_interrupted_turn, measure_whole_turn

VIDEO_TIMEOUT_S = 10.0
PAUSES_S = (0.1, 0.3, 1.0, 3.0)
LONG_PAUSE_S = 30.0
CPU_FPS = 20
"""Frame rate while CPU time is measured; the stock worker's publication encodes no more."""
STEP_TIMEOUT_S = 240.0

Progress = Callable[[str], None]
"""Receives one line of text for each step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers of measurements in a run of the benchmark.

    Attributes:
        rounds: Number of rounds; each round opens one session for every system.
        turns: Number of measured turns in a session; a turn is a complete speech and an interrupted
            speech.
        faults: Number of times that a round causes each fault of a worker with avatar-core.
        stock_faults: Number of times that a round causes each fault with livekit-agents alone.
        loaded_clears: Number of interruptions in a session while 20 s of audio are queued.
        long_pause: Whether one turn follows a pause of 30 s.
        cpu: Whether a separate session measures the CPU time.
    """

    rounds: int = 3
    turns: int = 5
    faults: int = 5
    stock_faults: int = 1
    loaded_clears: int = 3
    long_pause: bool = True
    cpu: bool = True


QUICK = Plan(rounds=1, turns=3, faults=1, loaded_clears=1, long_pause=False)


async def run(
    systems: Sequence[System], plan: Plan, progress: Progress, *, seed: int = 1
) -> dict[str, Samples]:
    """Measure all systems in several rounds.

    Args:
        systems: The systems in the order of a round.
        plan: The number of measurements.
        progress: Called with one line of text for each step.
        seed: Seed of all random numbers.

    Returns:
        Samples by system.

    Raises:
        TimeoutError: A step took longer than 240 s, or a video did not arrive within 10 s.
        AvatarError: An avatar could not be provisioned or did not join.
    """
    results = {system.name: Samples() for system in systems}
    for number in range(plan.rounds):
        for system in systems:
            rng = random.Random(f"{seed} {number} {system.name}")  # noqa: S311
            samples = results[system.name]
            progress(f"round {number + 1} of {plan.rounds}: {system.name}")
            async with asyncio.timeout(STEP_TIMEOUT_S):
                await _measure_turns(system, plan, number, samples, rng)
            if not system.has_worker:
                continue
            for _ in range(plan.faults if system.is_ours else plan.stock_faults):
                for kind in FAULTS if system.has_stock_worker else KILLS:
                    progress(f"round {number + 1} of {plan.rounds}: {system.name}, {kind.name}")
                    async with asyncio.timeout(STEP_TIMEOUT_S):
                        await _measure_fault(system, kind, samples, rng)
    return results


async def _measure_turns(
    system: System, plan: Plan, number: int, samples: Samples, rng: random.Random
) -> None:
    async with open_session(system, samples) as (measurement, _):
        await _warm_up(measurement, rng)
        measurement.samples = samples
        for turn in range(plan.turns):
            late = plan.long_pause and turn == plan.turns - 1 and number == 0
            await asyncio.sleep(LONG_PAUSE_S if late else PAUSES_S[turn % len(PAUSES_S)])
            await measure_whole_turn(measurement)
            await measure_interrupted_turn(measurement, rng)
        for _ in range(plan.loaded_clears):
            await measure_loaded_clear(measurement, rng)
    if not plan.cpu:
        return
    system.fps = CPU_FPS
    async with open_session(system, Samples()) as (measurement, session):
        await _warm_up(measurement, rng)
        await measure_cpu(measurement, session, samples)
    system.fps = FPS


async def _measure_fault(
    system: System, kind: signal.Signals, samples: Samples, rng: random.Random
) -> None:
    async with open_session(system, Samples()) as (measurement, session):
        await _warm_up(measurement, rng)
        measurement.samples = samples
        await measure_fault(measurement, session, kind, rng)


@asynccontextmanager
async def open_session(
    system: System, samples: Samples
) -> AsyncIterator[tuple[Measurement, Session]]:
    """Start a system and a listener in a new room while the block runs.

    Args:
        system: The system.
        samples: The samples to which the function adds one value of `join_ms`.

    Yields:
        A measurement with empty samples, and the session.

    Raises:
        TimeoutError: The first video frame did not arrive within 10 s.
    """
    room_name = f"bench-{secrets.token_hex(4)}"
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        token = system.token(room_name, "listener")
        listener = await RemoteListener.start(system.server.url, token)
        stack.push_async_callback(listener.stop)
        session = await system.enter(stack, room_name)
        driver = SpeechDriver(session.output)
        driver.pushed_at = loop.time()
        if system.has_worker:
            async with asyncio.timeout(VIDEO_TIMEOUT_S):
                first_frame_at = await listener.wait_for_video()
            samples.add_s("join_ms", first_frame_at - session.started_at)
        yield Measurement(driver, listener, Samples()), session


async def _warm_up(measurement: Measurement, rng: random.Random) -> None:
    """Play the first two speeches of a session, which do not count."""
    await measure_whole_turn(measurement)
    await measure_interrupted_turn(measurement, rng)
