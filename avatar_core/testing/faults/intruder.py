"""Somebody else in the room who speaks of takes that are not theirs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from avatar_core.contracts import wire
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import TakeState
from avatar_core.testing.faults.link import FaultyLink
from avatar_core.testing.faults.scenario import Scenario

log = logging.getLogger("avatar_core.testing")

AHEAD = 1_000_000
"""A sequence that would deafen the agent to all that its own worker says after it."""
CALL_S = 1.0


class OverheardLink(FaultyLink):
    """A worker's link whose reports another participant overhears, and forges.

    The worst that a stranger could know: the id of the take being played. The agent must
    reject all of it.

    Args:
        link: The worker's.
        scenario: Has the share of its reports.
        foreigner: The other participant's, closed with this one.
    """

    def __init__(self, link: RoomLink, scenario: Scenario, foreigner: RoomLink) -> None:
        super().__init__(link, Scenario())
        self._share = scenario.foreign
        self._dice = scenario.random("foreign")
        self._foreigner = foreigner

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Call the method, then let the intruder call it too."""
        await super().send(topic, payload, to=to, reliable=reliable)
        if topic == wire.REPORT_TOPIC and self._dice.random() < self._share:
            try:
                report = wire.Report.decode(payload)
            except WireError:
                return  # nonsense of the same scenario
            for agent in to:
                await self._forge(agent, report)

    async def aclose(self) -> None:
        """Both leave."""
        await self._foreigner.aclose()
        await super().aclose()

    async def _forge(self, agent: str, report: wire.Report) -> None:
        choose, other = self._dice.choice, self._foreigner
        forged = replace(
            report,
            sequence=report.sequence + AHEAD,
            position_s=choose((report.position_s, 0.0, -5.0, 1e9)),
            state=choose((TakeState.PLAYING, TakeState.DONE, TakeState.CUT)),
        ).encode()
        finished = wire.Finished(report.position_s, choose((False, True))).encode()
        await other.send(wire.REPORT_TOPIC, forged, to=[agent])
        for method, word in ((wire.TAKE_RPC, forged.decode()), (wire.PLAYBACK_FINISHED, finished)):
            response = await other.call(agent, method, word, timeout_s=CALL_S)
            log.debug(
                "The intruder %s called the RPC %s with the payload %s; the response was %s.",
                other.identity,
                method,
                word,
                response,
            )
