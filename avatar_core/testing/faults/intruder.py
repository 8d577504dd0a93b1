"""An intruder: a participant that sends the agent forged playback reports of a worker's takes."""

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
"""Number that is added to the sequence of a forged report. An agent that accepted the report would
ignore all later reports of its own worker."""
CALL_S = 1.0
"""Seconds that the intruder waits for the response to an RPC."""


class OverheardLink(FaultyLink):
    """A worker's link that lets an intruder forge messages about the worker's takes.

    The worker of a scenario with `foreign` uses this link. The link tests that the agent rejects
    messages from participants that are not its worker. After a position report of the worker, the
    intruder sends the agent a forged report, a forged RPC `avatar.take` and a forged RPC
    `lk.playback_finished`. The forged messages contain the correct take id.

    Args:
        link: The worker's link to the room.
        scenario: The scenario; its `foreign` is the probability of a forgery after each report.
        foreigner: The intruder's link to the same room. `aclose` also closes this link.
    """

    def __init__(self, link: RoomLink, scenario: Scenario, foreigner: RoomLink) -> None:
        super().__init__(link, Scenario())
        self._share = scenario.foreign
        self._dice = scenario.random("foreign")
        self._foreigner = foreigner

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet of the worker; a position report may make the intruder forge messages.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The worker's link or the intruder's link could not send, or an RPC of the
                intruder failed.
        """
        await super().send(topic, payload, to=to, reliable=reliable)
        if topic == wire.REPORT_TOPIC and self._dice.random() < self._share:
            try:
                report = wire.Report.decode(payload)
            except WireError:
                return  # nonsense of the same scenario
            for agent in to:
                await self._forge(agent, report)

    async def aclose(self) -> None:
        """Close the intruder's link, then the worker's link."""
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
