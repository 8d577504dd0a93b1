"""Detects that a worker without reports is dead: it sends no audio packet and answers no RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from avatar_core.contracts.link import RoomLink
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.ping import is_alive

PING_EVERY_S, IDLE_PING_EVERY_S = 0.2, 1.0
"""Seconds between two RPCs to the worker while it plays a take, and otherwise."""
PING_S, IDLE_PING_S = 0.35, 1.0
"""Seconds for a response. A slow worker gets three times its slowest response so far."""
TICK_S = 0.025
PACKETS_EVERY_TICKS = 3
"""Ticks between two readings of the number of packets."""
STILL_S = 0.3
"""Seconds without a packet that confirm a missing response. With packets, a worker is alive: a line
that loses packets can delay a response by a second."""
CONFIRMED_S = 0.25
"""Seconds for a response while no packet arrives."""


class SignsOfLife:
    """Asks a worker for responses, and counts the packets of its audio track.

    A worker that has never responded is not judged: its SDK may be too old for RPCs. All times
    count ticks, not seconds, so that a pause of this process does not look like a dead worker.

    Args:
        link: The agent's connection to the room.
        worker: The identity of the worker.
        transport: The transport to the worker.
        is_judged: Returns whether the worker is judged now.
        on_alive: Called with the position of the take at the time of a request that was answered.
    """

    def __init__(
        self,
        link: RoomLink,
        worker: str,
        transport: Transport,
        is_judged: Callable[[], bool],
        on_alive: Callable[[float], None],
    ) -> None:
        self._link = link
        self._worker = worker
        self._transport = transport
        self._is_judged = is_judged
        self._on_alive = on_alive
        self._packets: int | None = None
        self._still_s: float | None = None
        self._slowest_s = 0.0
        self._has_responded = False

    async def wait_for_death(self) -> str:
        """Wait until the worker shows no sign of life.

        Returns:
            The fault of the worker as a part of a sentence.
        """
        counting = asyncio.create_task(self._count_packets(), name="avatar-packets")
        try:
            while True:
                await asyncio.sleep(PING_EVERY_S if self._plays else IDLE_PING_EVERY_S)
                if self._is_judged() and (fault := await self._ask()):
                    return fault
        finally:
            counting.cancel()

    @property
    def _plays(self) -> bool:
        take = self._transport.take
        return take is not None and take.pushed_s > 0

    async def _ask(self) -> str:
        """Send one request, and return the fault of a worker that is dead, or an empty string."""
        take, waited_s = self._transport.take, 0.0
        position_s = take.position_s if take is not None else 0.0
        within_s = max(PING_S if self._plays else IDLE_PING_S, 3 * self._slowest_s)
        request = asyncio.create_task(is_alive(self._link, self._worker, within_s))
        try:
            while not request.done():
                await asyncio.wait((request,), timeout=TICK_S)
                waited_s += TICK_S
                if waited_s >= max(CONFIRMED_S, 2 * self._slowest_s) and self._is_still:
                    break
        finally:
            request.cancel()
        if request.done() and not request.cancelled() and request.result():
            self._has_responded = True
            self._slowest_s = max(self._slowest_s, waited_s - TICK_S)
            self._on_alive(position_s)
        elif self._has_responded and self._is_judged() and self._is_still is not False:
            return f"did not respond within {waited_s:.1f} s"
        return ""

    @property
    def _is_still(self) -> bool | None:
        """Whether no packet has arrived for `STILL_S`; None if packets cannot be counted."""
        return None if self._still_s is None else self._still_s >= STILL_S

    async def _count_packets(self) -> None:
        monitor = self._transport.monitor
        while monitor is not None:
            every_s = PACKETS_EVERY_TICKS * TICK_S if self._plays else STILL_S
            await asyncio.sleep(every_s)
            packets = await monitor.count_packets()
            if packets is None:
                self._packets = self._still_s = None
            elif packets != self._packets:
                self._packets, self._still_s = packets, 0.0
            else:
                self._still_s = (self._still_s or 0.0) + every_s
