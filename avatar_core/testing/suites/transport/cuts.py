"""Checks of a transport with cuts that are confirmed in time, late or never."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from avatar_core.contracts.playback import TakeState
from avatar_core.failover.progress import DONE_S
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.testing.clock import now
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.transport.recorded_take import RecordedTake
from avatar_core.testing.suites.transport.rig import TransportRig, connect

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

CUT_AT_S = 0.6
"""Seconds of a take that were heard when the check cuts it."""
LATE_S = 0.7
"""Seconds by which a late report arrives: after the player has begun the next take."""


@check("T10", Level.SILVER)
async def cut_stops_the_sound(suite: TransportSuite) -> None:
    """A cut stops the sound, and the tracker confirms it in time with an accurate position."""
    async with connect(suite) as rig:
        await rig.open()
        take = await _play_to_a_cut(rig)
        cut_at_s = now()
        await rig.cut(take)
        confirmed = take.calls[-1].state is TakeState.CUT if take.calls else False
        await asyncio.sleep(1.0)
        late_s = rig.heard().count_s(now(), after_s=cut_at_s + rig.accuracy_s)
        if late_s > 0:
            raise CheckFailed(
                f"{late_s:.2f} s of the take were heard more than {rig.accuracy_s:g} s after the "
                "cut.",
                "AudioSink.cut must make the far end drop the audio that was not heard.",
            )
        if not confirmed:
            raise CheckFailed(
                f"The tracker did not report CUT within {CUT_DEADLINE_S:g} s of AudioSink.cut.",
                "Report CUT with the last position when the far end confirms the cut.",
            )
        _check_cut_position(rig, take)
        await check_next_take(rig)


@check("T11", Level.SILVER)
async def cut_without_confirmation_is_safe(suite: TransportSuite) -> None:
    """If the far end never confirms a cut, the sink returns, and the next take plays."""
    async with connect(suite, "late cut", cut_s=None) as rig:
        await rig.open()
        take = await _play_to_a_cut(rig)
        await rig.cut(take)
        if take.state is not TakeState.CUT:
            raise CheckFailed(
                f"The take became {take.state.value} after a cut that nobody confirmed.",
                "Report DONE only if all audio was heard.",
            )
        _check_cut_position(rig, take)
        await check_next_take(rig)


@check("T12", Level.SILVER)
async def late_confirmation_skips_the_next_take(suite: TransportSuite) -> None:
    """A cut that is confirmed during the next take does not affect that take."""
    async with connect(suite, "late cut", cut_s=LATE_S) as rig:
        await rig.open()
        await rig.cut(await _play_to_a_cut(rig))
        await check_next_take(rig)


@check("T13", Level.SILVER)
async def report_after_the_end_is_harmless(suite: TransportSuite) -> None:
    """A report about a take that has ended does not stop the tracker."""
    async with connect(suite, "late cut", cut_s=LATE_S) as rig:
        await rig.open()
        await rig.cut(await _play_to_a_cut(rig))
        await asyncio.sleep(2 * LATE_S)
        await check_next_take(rig)


async def _play_to_a_cut(rig: TransportRig) -> RecordedTake:
    take = await rig.begin(3.0)
    pushing = asyncio.ensure_future(rig.push(take))
    await rig.wait_until(take, CUT_AT_S)
    pushing.cancel()
    await asyncio.wait({pushing})
    return take


def _check_cut_position(rig: TransportRig, take: RecordedTake) -> None:
    heard_s = rig.heard().match([one.pcm for one in rig.takes])[rig.takes.index(take)]
    if abs(take.position_s - heard_s) > rig.accuracy_s:
        raise CheckFailed(
            f"After the cut, the position is {take.position_s:.3f} s, but a listener heard "
            f"{heard_s:.3f} s of the take.",
            "The next take begins at this position: report the seconds that were heard.",
        )


async def check_next_take(rig: TransportRig, duration_s: float = 1.0) -> None:
    """Check that a take plays to its end, whatever the far end reports about earlier takes.

    Args:
        rig: The rig.
        duration_s: Seconds of audio of the take.

    Raises:
        CheckFailed: The take did not play to its end.
    """
    take = await rig.begin(duration_s)
    await rig.push(take)
    await rig.end(take)
    await rig.wait_for_end(take, take.unheard_s + (rig.parts.far_end.end_s or 0.0) + DONE_S)
    ended_s = rig.heard().last_at_s
    heard_s = rig.heard().match([one.pcm for one in rig.takes])[-1]
    early = take.final_at_s is not None and take.final_at_s < ended_s - rig.accuracy_s
    if take.state is not TakeState.DONE or heard_s < duration_s - 1e-3 or early:
        raise CheckFailed(
            f"The take after it became {take.state.value} when {take.pushed_s:.2f} s of "
            f"{duration_s:.2f} s were pushed and {heard_s:.2f} s heard.",
            "Compare the id of the take in each message, and ignore messages about other takes.",
        )
    for call in take.calls:
        heard_s = rig.heard().count_s(call.at_s, after_s=take.began_at_s)
        if call.position_s is not None and call.position_s > heard_s + rig.accuracy_s:
            raise CheckFailed(
                f"The tracker reported {call.position_s:.2f} s of the next take when "
                f"{heard_s:.2f} s were heard.",
                "Ignore the positions of earlier takes.",
            )


CHECKS = (
    cut_stops_the_sound,
    cut_without_confirmation_is_safe,
    late_confirmation_skips_the_next_take,
    report_after_the_end_is_harmless,
)
