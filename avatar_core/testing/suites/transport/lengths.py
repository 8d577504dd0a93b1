"""A check of the audio in each message of a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.transport.rig import connect

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

WHOLE_S, LONGER_S, TINY_S = 1.0, 1.23, 0.01
"""Seconds of takes: one that pieces of usual lengths divide, one with a remainder, and one that is
shorter than any piece."""


@check("T28", Level.SILVER)
async def messages_keep_the_limits(suite: TransportSuite) -> None:
    """No message has less or more audio than the far end accepts, also at the end of a take."""
    async with connect(suite) as rig:
        far_end, rate_hz = rig.parts.far_end, rig.format.rate_hz
        if far_end.problems() is None:
            raise NotApplicable("the far end has no limits for the audio of a message")
        await rig.open()
        for duration_s in (TINY_S, WHOLE_S, LONGER_S):
            await rig.play(duration_s)
        await rig.play(2 * LONGER_S, sizes=(1, 641, rate_hz, rate_hz // 3))
        take = await rig.begin(WHOLE_S)
        await rig.push(take, WHOLE_S / 2)
        await rig.cut(take)
        await rig.play(LONGER_S)
        if problems := far_end.problems():
            raise CheckFailed(problems[0])


CHECKS = (messages_keep_the_limits,)
