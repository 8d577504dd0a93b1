"""The reporter of a worker: sends positions and states of takes to the agent as a heartbeat."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Coroutine
from typing import Any

from avatar_core.contracts import wire
from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import TakeState
from avatar_core.worker.incoming_take import IncomingTake

log = logging.getLogger("avatar_core.worker")

HEARTBEAT_S, IDLE_HEARTBEAT_S = 0.1, 0.5
"""Seconds between two reports while a take plays, and otherwise. A report costs agent and worker
together 2 ms of CPU: at 10 Hz, a seventh of all the CPU that they use."""
EARLY_S = 0.04
"""A report may be sent this many seconds early. Otherwise, a loop whose steps take about
`HEARTBEAT_S` would skip every other report."""
CALL_S = 5.0
UNDELIVERED = (1501, 1503, 1505)
"""RPC errors after which the agent has not run its handler; only such calls are repeated."""


class Reporter:
    """Sends the reports of a worker to one agent; logs and drops a report that cannot be sent.

    `AvatarWorker` creates the reporter, and the pacer calls it.

    Args:
        link: The worker's connection to the room.
        agent: The identity of the agent.
        clock: Returns monotonic seconds.
    """

    def __init__(self, link: RoomLink, agent: str, clock: Clock = loop_time) -> None:
        self._link = link
        self._agent = agent
        self._clock = clock
        self._sequence = itertools.count()
        self._next_at = 0.0
        self._latest: IncomingTake | None = None
        self._turn = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def due_s(self) -> float:
        """Seconds until the next position report is due; at most 0 if it is due now."""
        return self._next_at - self._clock()

    def send_heartbeat(self, take: IncomingTake | None) -> None:
        """Send a position report in a lossy data packet, if one is due.

        A report is due every `HEARTBEAT_S` while a take plays, every `IDLE_HEARTBEAT_S` otherwise,
        and at once for a new take. The pacer calls this method from its loop, so that the reports
        stop when the loop hangs.

        Args:
            take: The take that is being played; None if there is none.
        """
        if take is not None and take is not self._latest:
            self._latest, self._next_at = take, 0.0
        now = self._clock()
        if now >= self._next_at - EARLY_S:
            every_s = HEARTBEAT_S if take is not None else IDLE_HEARTBEAT_S
            self._next_at = max(self._next_at + every_s, now)
            report = (
                self._latest.report(next(self._sequence))
                if self._latest is not None
                else wire.Report(next(self._sequence), "", 0.0, TakeState.OPEN)
            )
            self._spawn(self._link.send(wire.REPORT_TOPIC, report.encode(), to=[self._agent]))

    def report_state(self, take: IncomingTake) -> None:
        """Send the new state of a take to the agent at once, as an RPC.

        An agent that uses avatar-core receives `avatar.take`, and a stock agent receives
        `lk.playback_started` or `lk.playback_finished`.

        Args:
            take: The take whose state changed to PLAYING, DONE or CUT.
        """
        self._latest = take
        self._next_at = 0.0
        if take.id:
            self._spawn(self._call(wire.TAKE_RPC, take.report(-1).encode().decode()))
        elif take.state is TakeState.PLAYING:
            self._spawn(self._in_turn(wire.PLAYBACK_STARTED, ""))
        elif take.state.final:
            self._spawn(self._in_turn(wire.PLAYBACK_FINISHED, take.stock_finish().encode()))

    async def aclose(self) -> None:
        """Cancel the reports that are being sent, and wait until their tasks have ended."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _in_turn(self, method: str, payload: str) -> None:
        """Call an RPC after all earlier calls have ended.

        The RPCs must arrive in order, because LiveKit's own playback RPCs do not name their
        segment.
        """
        async with self._turn:
            await self._call(method, payload)

    async def _call(self, method: str, payload: str) -> None:
        for last in (False, True):
            try:
                response = await self._link.call(self._agent, method, payload, timeout_s=CALL_S)
                if response == wire.REJECT:
                    log.warning("The agent %s rejected the RPC %s.", self._agent, method)
                return
            except RoomError as error:
                if last or error.rpc_code not in UNDELIVERED:
                    raise

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def attempt() -> None:
            """Send a report; log a `RoomError` at debug level."""
            try:
                await work
            except RoomError as error:
                log.debug("The agent did not receive a playback report: %s", error)

        task = asyncio.create_task(attempt())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        task.add_done_callback(lambda _: work.close())  # if the task was cancelled before it ran
