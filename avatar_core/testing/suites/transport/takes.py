"""Checks of a transport without faults: the audio, the positions and the ends of takes."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from avatar_core.contracts.playback import TakeState
from avatar_core.failover.progress import DONE_S, FOREIGN_STALL_S
from avatar_core.playback.send_loop import SEND_DEADLINE_S
from avatar_core.testing.clock import now
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.transport.bounded_call import within
from avatar_core.testing.suites.transport.recorded_take import RecordedTake
from avatar_core.testing.suites.transport.rig import (
    CHUNK_S,
    TICK_S,
    TransportRig,
    connect,
)

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

NO_SOUND_S = 3.0
"""Seconds without a sound after which the far end counts as silent."""
ODD_SIZES = (1, 1, 1, 2, 3, 5, 7, 11, 97, 331, 641, 1009, 4799)
"""Samples of the first chunks of a take; the last chunk of the check has 1 s."""
GAP_S = 1.6
"""Seconds without new audio in a take: an agent whose model is slow."""
BEAT_SHARE = 1.5
"""A sign of life may arrive late by this share of the heartbeat."""


@check("T01", Level.BRONZE)
async def take_is_heard_unchanged(suite: TransportSuite) -> None:
    """A listener hears each sample of a take once, in order and unchanged."""
    async with connect(suite) as rig:
        await rig.open()
        await _play_by_sound(rig, 1.5)


async def _play_by_sound(rig: TransportRig, duration_s: float) -> RecordedTake:
    """Play a take at the pace of its sound, whatever the tracker reports; check the sound."""
    take = await rig.begin(duration_s)
    silent_s = heard_s = 0.0
    while heard_s < duration_s - 1e-6 and silent_s < NO_SOUND_S:
        at = rig.format.size(take.pushed_s)
        chunk = take.pcm[at : at + rig.format.size(CHUNK_S)]
        size_s = rig.format.duration_s(len(chunk))
        if chunk and take.pushed_s + size_s <= heard_s + rig.transport.run_ahead_s:
            await within(rig.transport.push(take, chunk), SEND_DEADLINE_S, "AudioSink.push")
            continue
        if not chunk and not take.ended:
            await rig.end(take)
        await asyncio.sleep(TICK_S)
        before_s, heard_s = heard_s, rig.heard_s()
        silent_s = 0.0 if heard_s > before_s else silent_s + TICK_S
    heard_s = rig.heard().match([take.pcm])[0]
    if heard_s < duration_s - 1e-6:
        raise CheckFailed(
            f"A listener heard only the first {heard_s:.3f} of {duration_s:.3f} s of a take.",
            "Send all bytes of each chunk, also of the last one.",
        )
    await asyncio.sleep(rig.accuracy_s)
    return take


@check("T02", Level.BRONZE)
async def position_moves_in_time(suite: TransportSuite) -> None:
    """While audio is unheard, the position moves at least once a second."""
    async with connect(suite) as rig:
        await rig.open()
        take = await _play_by_sound(rig, 3.0)
        limit_s = max(FOREIGN_STALL_S, rig.transport.run_ahead_s)
        last_s, times = 0.0, [rig.heard().first_at_s or 0.0]
        for call in take.calls:
            if call.position_s is not None and call.position_s > last_s:
                last_s = call.position_s
                times.append(call.at_s)
        times.append(max(times[-1], rig.heard().last_at_s))
        gap_s = max(later - earlier for earlier, later in pairwise(times))
        if gap_s > limit_s:
            raise CheckFailed(
                f"The position did not move for {gap_s:.2f} s while audio was unheard.",
                f"Report the position at least once in {limit_s:.2f} s.",
            )


@check("T03", Level.BRONZE)
async def position_is_accurate(suite: TransportSuite) -> None:
    """Each reported position is within `accuracy_s` of the audio that was heard."""
    async with connect(suite) as rig:
        await rig.open()
        check_accuracy(rig, await _play_by_sound(rig, 2.0))


def check_accuracy(rig: TransportRig, take: RecordedTake) -> None:
    """Compare all reported positions of a take with the audio that was heard.

    Args:
        rig: The rig. Only `take` and earlier takes were played.
        take: The last take.

    Raises:
        CheckFailed: A position is wrong by more than `accuracy_s`.
    """
    heard = rig.heard()
    earlier_s = sum(heard.match([one.pcm for one in rig.takes])[:-1])
    for call in take.calls:
        if call.position_s is None:
            continue
        heard_s = heard.count_s(call.at_s) - earlier_s
        if abs(call.position_s - heard_s) > rig.accuracy_s:
            raise CheckFailed(
                f"The tracker reported {call.position_s:.3f} s when a listener had heard "
                f"{heard_s:.3f} s of the take.",
                f"accuracy_s allows a difference of {rig.accuracy_s:g} s.",
            )


@check("T04", Level.BRONZE)
async def take_ends_after_its_last_sound(suite: TransportSuite) -> None:
    """The tracker reports DONE after the last sound of a take, and within 1.2 s of it."""
    async with connect(suite) as rig:
        await rig.open()
        take = await rig.play()
        await asyncio.sleep(take.unheard_s + rig.accuracy_s)
        late_s = (take.final_at_s or 0.0) - rig.heard().last_at_s
        if take.state is not TakeState.DONE:
            raise CheckFailed(
                f"The take that was played to its end has the state {take.state.value}.",
                "Report DONE after the last sound, and CUT only after a cut.",
            )
        if late_s < -rig.accuracy_s:
            raise CheckFailed(
                f"The tracker reported DONE {-late_s:.3f} s before the last sound of the take.",
                "Report DONE when all audio was heard, not when all audio was sent.",
            )
        if late_s > DONE_S:
            raise CheckFailed(
                f"The tracker reported DONE {late_s:.3f} s after the last sound of the take.",
                "The agent waits for DONE before it listens again.",
            )


@check("T05", Level.BRONZE)
async def chunks_of_any_size_are_heard(suite: TransportSuite) -> None:
    """The sink accepts chunks of any size, from one sample to one second."""
    async with connect(suite) as rig:
        await rig.open()
        sizes = (*ODD_SIZES, rig.format.rate_hz, 1, rig.format.rate_hz // 2 + 1)
        await _play_and_compare(rig, 2.0, sizes)
        await _play_and_compare(rig, 1 / rig.format.rate_hz)


async def _play_and_compare(
    rig: TransportRig, duration_s: float, sizes: tuple[int, ...] = ()
) -> None:
    take = await rig.play(duration_s, sizes=sizes)
    heard_s = rig.heard().match([one.pcm for one in rig.takes])[-1]
    if heard_s < take.pushed_s - 1e-6:
        raise CheckFailed(
            f"The take ended as {take.state.value}, but a listener heard only {heard_s:.3f} of "
            f"{take.pushed_s:.3f} s.",
            "Send all bytes of each chunk, also of the last one.",
        )


@check("T06", Level.BRONZE)
async def position_is_possible(suite: TransportSuite) -> None:
    """Each reported position is from 0 to the pushed audio, and no position is less than before."""
    async with connect(suite) as rig:
        await rig.open()
        for take in (await rig.play(), await rig.play()):
            positions = [(call.position_s, call.pushed_s) for call in take.calls]
            last_s = 0.0
            for position_s, pushed_s in positions:
                if position_s is None:
                    continue
                if not -1e-6 <= position_s <= pushed_s + 0.02:
                    raise CheckFailed(
                        f"The tracker reported a position of {position_s:.3f} s when "
                        f"{pushed_s:.3f} s of the take had been pushed.",
                        "Report seconds since the start of the take.",
                    )
                if position_s < last_s - 1e-3:
                    raise CheckFailed(
                        f"The reported position fell from {last_s:.3f} to {position_s:.3f} s.",
                        "Ignore reports that arrive out of order.",
                    )
                last_s = position_s


@check("T07", Level.BRONZE)
async def take_stays_open_in_a_gap(suite: TransportSuite) -> None:
    """A take whose audio so far was heard does not end before the player ends it."""
    async with connect(suite) as rig:
        await rig.open()
        take = await rig.begin(1.2)
        await rig.push(take, 0.6)
        await asyncio.sleep(0.6 + GAP_S)
        if take.state.final:
            raise CheckFailed(
                f"The take became {take.state.value} in a gap of its audio, before AudioSink.end "
                "was called.",
                "Report DONE only after the far end has received the end of the take.",
            )
        await rig.push(take)
        await rig.end(take)
        await rig.wait_for_end(take, 4.0)
        heard_s = rig.heard().match([take.pcm])[0]
        if heard_s < take.pushed_s - 1e-6:
            raise CheckFailed(
                f"Only {heard_s:.3f} of {take.pushed_s:.3f} s were heard of a take with a gap.",
                "Continue to send the audio of a take after a gap.",
            )


@check("T08", Level.BRONZE)
async def takes_are_separate(suite: TransportSuite) -> None:
    """The positions of each take count from the start of that take."""
    async with connect(suite) as rig:
        await rig.open()
        await rig.play(1.0)
        take = await rig.play(0.5)
        check_accuracy(rig, take)
        third = await rig.begin(0.5)
        await asyncio.sleep(rig.accuracy_s)
        if third.position_s > 0 or third.state is not TakeState.OPEN:
            raise CheckFailed(
                f"A take without audio is {third.state.value} at {third.position_s:.3f} s.",
                "Reset the position in PlaybackTracker.follow, and ignore reports about other "
                "takes.",
            )


@check("T09", Level.SILVER)
async def signs_of_life_are_regular(suite: TransportSuite) -> None:
    """Signs of life arrive as often as `heartbeat_s` says, and `alive_at` is loop time."""
    async with connect(suite) as rig:
        await rig.open()
        tracker, seen, gap_s = rig.parts.tracker, 0.0, 0.0
        take = await rig.begin(2.0)
        playing = asyncio.ensure_future(rig.push(take))
        until = now() + 2.0
        while now() < until and not take.state.final:
            await asyncio.sleep(0.01)
            alive_at = tracker.alive_at
            if alive_at is not None and not now() - 60 <= alive_at <= now() + 1e-6:
                raise CheckFailed(
                    f"alive_at is {alive_at:.1f} when the loop time is {now():.1f}.",
                    "Use the clock of SinkContext or the time of the event loop.",
                )
            gap_s = 0.0 if alive_at not in (None, seen) else gap_s + 0.01
            seen = alive_at or seen
            heartbeat_s = tracker.heartbeat_s
            if heartbeat_s is not None and gap_s > BEAT_SHARE * heartbeat_s + 0.02:
                raise CheckFailed(
                    f"No sign of life arrived for {gap_s:.2f} s, but heartbeat_s is "
                    f"{heartbeat_s:g} s.",
                    "Set alive_at at each message of the far end.",
                )
        await playing
        if tracker.heartbeat_s is None and tracker.alive_at is None:
            raise NotApplicable("the tracker declares no heartbeat_s and has no alive_at")


CHECKS = (
    take_is_heard_unchanged,
    position_moves_in_time,
    position_is_accurate,
    take_ends_after_its_last_sound,
    chunks_of_any_size_are_heard,
    position_is_possible,
    take_stays_open_in_a_gap,
    takes_are_separate,
    signs_of_life_are_regular,
)
