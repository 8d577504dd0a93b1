"""Detects that a worker without reports is dead: it sends no packets and no responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from avatar_core.contracts.link import RoomLink
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.ping import is_alive

PING_EVERY_S, IDLE_PING_EVERY_S = 0.2, 1.0
"""Seconds between two RPCs to the worker while it plays a take, and otherwise."""
STEP_S = 0.1
"""Seconds between two checks whether the worker has audio of a take."""
ROUNDING_S = 1e-3
PING_S, IDLE_PING_S = 0.35, 1.0
"""Seconds to wait for a response if packets cannot be counted. A slow worker gets three times the
duration of its slowest response. If packets are counted, the factor is two."""
TICK_S = 0.025
RESPONSE_S = 10.0
"""Deadline of a request to a worker that sends packets. A line that loses packets can delay the
response by seconds."""
FORGET = 0.95
"""The share of the slowest response so far that still counts at the next response."""
LATE_S = 0.1
"""Seconds without a response after which packets are counted, because counting costs CPU time."""
LATE_TICK_S = 0.04
"""A tick that takes longer does not count, because this process did not get its CPU time."""
STILL_TICKS = 8
"""Ticks without a new packet that confirm a missing response. With packets, a worker is alive: a
line that loses packets can delay a response by a second."""


class SignsOfLife:
    """Asks a worker for responses, and counts the packets of its audio track.

    A worker that has never responded is not judged: its SDK may be too old for RPCs. All times
    count ticks, not seconds, so that a pause of this process does not look like a dead worker.

    Args:
        link: The agent's connection to the room.
        worker: The identity of the worker.
        transport: The transport to the worker.
        is_judged: Returns whether the worker is judged now.
        on_alive: Called after each response, with the position of the take at the time of the
            request.
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
        self._slowest_s = 0.0
        self._has_responded = False

    async def wait_for_death(self) -> str:
        """Wait until the worker shows no sign of life.

        The first request is sent at once, so that a worker that fails during its first words has
        responded before.

        Returns:
            The fault of the worker as a part of a sentence.
        """
        while True:
            if self._is_judged() and (fault := await self._ask()):
                return fault
            await self._wait_until_due()

    async def _wait_until_due(self) -> None:
        """Wait until the next request; a request follows soon after a take begins."""
        began_at = self._now()
        while (waited_s := self._now() - began_at) < self._interval_s - ROUNDING_S:
            if self._transport.take is not None:
                await asyncio.sleep(STEP_S)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_PING_EVERY_S - waited_s):
                    await self._transport.wait_for_take()

    @property
    def _interval_s(self) -> float:
        return PING_EVERY_S if self._plays else IDLE_PING_EVERY_S

    @property
    def _plays(self) -> bool:
        take = self._transport.take
        return take is not None and take.pushed_s > 0

    async def _ask(self) -> str:
        """Send one request, and return the fault of a worker that is dead, or an empty string."""
        take, monitor, waited_s = self._transport.take, self._transport.monitor, 0.0
        position_s = take.position_s if take is not None else 0.0
        note_response = monitor.responses.note_request() if monitor is not None else None
        packets = _Packets(self._transport)
        request = asyncio.create_task(is_alive(self._link, self._worker, RESPONSE_S))
        try:
            while not request.done():
                ticked_at = self._now()
                await asyncio.wait((request,), timeout=TICK_S)
                if waited_s >= max(LATE_S, self._slowest_s):
                    await packets.count()
                if self._now() - ticked_at > LATE_TICK_S:
                    packets.forget_tick()  # the machine is busy, and so the worker may be late
                else:
                    waited_s += TICK_S
                if self._is_dead(waited_s, packets) and not request.done():
                    return f"did not respond within {waited_s:.1f} s"
        finally:
            request.cancel()
        is_alive_now = request.result()  # a failure has other causes, such as our own connection
        if is_alive_now:
            self._has_responded = True
            self._slowest_s = max(waited_s - TICK_S, FORGET * self._slowest_s)
            self._on_alive(position_s)
        if note_response is not None:
            note_response(is_alive_now)
        return ""

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _is_dead(self, waited_s: float, packets: _Packets) -> bool:
        """Return whether a worker that has not responded yet is dead."""
        if not self._has_responded or not self._is_judged():
            return False
        if packets.can_be_counted:
            return packets.still_ticks >= STILL_TICKS and waited_s >= 2 * self._slowest_s
        return waited_s >= max(PING_S if self._plays else IDLE_PING_S, 3 * self._slowest_s)


class _Packets:
    """Counts the ticks since the last packet of a transport's monitor."""

    def __init__(self, transport: Transport) -> None:
        self._monitor = transport.monitor
        self._count: int | None = None
        self._has_counted = False
        self._before = 0
        self.still_ticks = 0

    @property
    def can_be_counted(self) -> bool:
        """Whether packets could be counted at the last tick, or were not counted yet."""
        return self._monitor is not None and (self._count is not None or not self._has_counted)

    def forget_tick(self) -> None:
        """Do not count the last tick as a tick without a packet."""
        self.still_ticks = min(self.still_ticks, self._before)

    async def count(self) -> None:
        """Read the number of packets at a tick."""
        self._has_counted = True
        count = await self._monitor.count_packets() if self._monitor is not None else None
        is_still = count is not None and count == self._count
        self._before, self.still_ticks = self.still_ticks, self.still_ticks + 1 if is_still else 0
        self._count = count
