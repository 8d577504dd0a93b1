"""Checks of a transport with late or missing reports, and with lost connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.health import HealthCheck
from avatar_core.failover.progress import DONE_S, FOREIGN_STALL_S
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.tasks import RELEASE_S
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.transport.bounded_call import within
from avatar_core.testing.suites.transport.cuts import LATE_S, check_next_take
from avatar_core.testing.suites.transport.recorded_take import RecordedTake
from avatar_core.testing.suites.transport.rig import (
    TICK_S,
    TransportRig,
    connect,
)

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

FAILS_AT_S = 0.6
"""Seconds of a take that were heard when the connection fails."""
SLOW_START_S = 0.7
LOSS_MARGIN_S = 1.0


@check("T14", Level.SILVER)
async def missing_end_delays_the_turn_only(suite: TransportSuite) -> None:
    """If the far end never reports the end of a take, the take is DONE within a limit."""
    async with connect(suite, "late end", end_s=None) as rig:
        await rig.open()
        async with _health_check(rig):
            take = await rig.begin(1.0)
            await rig.push(take)
            await rig.end(take)
            await rig.wait_for_end(take, take.unheard_s + DONE_S + LOSS_MARGIN_S)
            if take.state is not TakeState.DONE or rig.transport.lost is not None:
                raise CheckFailed(
                    f"The take became {take.state.value} at {take.position_s:.2f} of "
                    f"{take.pushed_s:.2f} s, because the far end did not report its end.",
                    "Report positions up to the last sample, also without a report of the end.",
                )
        rig.parts.far_end.end_s = 0.0
        await check_next_take(rig)


@check("T15", Level.SILVER)
async def late_end_skips_the_next_take(suite: TransportSuite) -> None:
    """The end of a take that arrives during the next take does not end that take."""
    async with connect(suite, "late end", end_s=LATE_S) as rig:
        await rig.open()
        take = await rig.begin(0.5)
        await rig.push(take)
        await rig.end(take)
        await rig.wait_until(take, take.pushed_s - 0.1)
        await asyncio.sleep(0.2)
        take.finish(TakeState.DONE)
        await check_next_take(rig, LATE_S + 0.8)


@check("T16", Level.SILVER)
async def slow_start_is_not_counted(suite: TransportSuite) -> None:
    """If the far end starts to play late, the position stays 0 until the first sound."""
    async with connect(suite, "late start", start_s=SLOW_START_S) as rig:
        await rig.open()
        take = await rig.begin(1.0)
        began_at = now()
        pushing = asyncio.ensure_future(rig.push(take))
        while now() < began_at + SLOW_START_S - TICK_S and not pushing.done():
            await asyncio.sleep(TICK_S)
            if take.position_s > rig.accuracy_s or take.state is not TakeState.OPEN:
                pushing.cancel()
                raise CheckFailed(
                    f"The take is {take.state.value} at {take.position_s:.2f} s, but nothing was "
                    "heard yet.",
                    "Report positions that the far end has played, not the time since a push.",
                )
        await pushing
        await rig.end(take)
        await rig.wait_for_end(take, take.unheard_s + SLOW_START_S + DONE_S)
        if rig.heard().match([take.pcm])[0] < take.pushed_s - 1e-6:
            raise CheckFailed(
                "A part of a take was not heard, because the far end started to play it late.",
                "Keep the audio until the far end accepts it.",
            )


@check("T17", Level.SILVER)
async def closed_connection_is_noticed(suite: TransportSuite) -> None:
    """If the connection closes in a take, the transport is lost within its limits."""
    async with connect(suite, "death") as rig:
        await rig.open()
        await _check_loss(rig, rig.parts.far_end.die)


@check("T18", Level.SILVER)
async def silent_connection_is_noticed(suite: TransportSuite) -> None:
    """If the far end falls silent in a take, the transport is lost within its limits."""
    async with connect(suite, "silence") as rig:
        await rig.open()
        await _check_loss(rig, rig.parts.far_end.fall_silent)


@check("T19", Level.SILVER)
async def dead_transport_refuses_takes(suite: TransportSuite) -> None:
    """On a closed connection, a take is refused or lost, and each call returns in time."""
    async with connect(suite, "death") as rig:
        await rig.open()
        await rig.play(0.3)
        rig.parts.far_end.die()
        await asyncio.sleep(0.1)
        async with _health_check(rig):
            await _push_until_lost(rig, None)
        await _check_calls_after_loss(rig)


@asynccontextmanager
async def _health_check(rig: TransportRig) -> AsyncIterator[None]:
    """Run the health check of avatar-core on the transport, with an avatar that is in its room."""
    room = MemoryRoom()
    agent, avatar = room.join("agent", is_agent=True), room.join("avatar")
    await avatar.publish_audio(rig.format, name="avatar_audio")
    record = ProvisionedAvatar(session_id="suite", identity="avatar")
    health = HealthCheck(agent, record, rig.transport, _never, lambda: None)
    try:
        yield
    finally:
        health.close()
        room.remove("avatar")
        room.remove("agent")


async def _never() -> str:
    await asyncio.Event().wait()
    return ""


async def _check_loss(rig: TransportRig, fail: Callable[[], None]) -> None:
    async with _health_check(rig):
        take = await rig.begin(8.0)
        pushing = asyncio.ensure_future(rig.push(take, 1.5))
        await rig.wait_until(take, FAILS_AT_S)
        fail()
        pushing.cancel()
        await asyncio.wait({pushing})
        await asyncio.sleep(TICK_S)
        heard_s = rig.heard().match([take.pcm])[0]
        await _push_until_lost(rig, take)
    if take.position_s > heard_s + rig.accuracy_s:
        raise CheckFailed(
            f"The position rose to {take.position_s:.2f} s after the far end was lost, but a "
            f"listener heard only {heard_s:.2f} s.",
            "Report positions from messages of the far end, not from a clock.",
        )
    await _check_calls_after_loss(rig)


async def _push_until_lost(rig: TransportRig, take: RecordedTake | None) -> None:
    """Play a take on a dead connection until the transport is lost."""
    limit_s = max(FOREIGN_STALL_S, rig.transport.run_ahead_s) + rig.transport.latency_s
    until = now() + limit_s + LOSS_MARGIN_S
    work = asyncio.ensure_future(_push_on(rig, take))
    while rig.transport.lost is None and now() < until:
        await asyncio.sleep(TICK_S)
        if work.done() and (error := work.exception()) is not None:
            if not isinstance(error, AvatarError):
                raise error
            rig.transport.lose(error)
    work.cancel()
    await asyncio.wait({work}, timeout=RELEASE_S)
    if rig.transport.lost is None:
        raise CheckFailed(
            f"The transport was not lost within {limit_s + LOSS_MARGIN_S:.1f} s after the "
            "connection failed.",
            "Raise AvatarLostError in push, or stop to report positions.",
        )


async def _push_on(rig: TransportRig, take: RecordedTake | None) -> None:
    take = take or await rig.begin(8.0)
    while True:
        if rig.transport.budget_s(take) > 0:
            at = rig.format.size(take.pushed_s)
            chunk = take.pcm[at : at + rig.format.size(0.04)]
            await within(rig.transport.push(take, chunk), 600.0, "AudioSink.push")
        await asyncio.sleep(TICK_S)


async def _check_calls_after_loss(rig: TransportRig) -> None:
    """Check that the calls with which the player leaves a lost transport return in time."""
    take = rig.takes[-1]
    take.finish(TakeState.LOST)
    with suppress(AvatarError):
        await within(rig.parts.sink.cut(take), CUT_DEADLINE_S, "AudioSink.cut on a lost transport")
    await rig.close()


CHECKS = (
    missing_end_delays_the_turn_only,
    late_end_skips_the_next_take,
    slow_start_is_not_counted,
    closed_connection_is_noticed,
    silent_connection_is_noticed,
    dead_transport_refuses_takes,
)
