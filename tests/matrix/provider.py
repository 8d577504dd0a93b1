"""A provider whose workers have the faults of a cell, and which records its sessions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from avatar_provider_mock import MockProvider, MockSettings

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.room import MemoryRoom

SESSION_END = "the vendor ended the session"
SMALL = MockSettings(width=64, height=64, fps=25.0)


class TriggeredClock(FaultClock):
    """A clock that stands still until the test starts the fault."""

    def __init__(self) -> None:
        super().__init__(Scenario())
        self._started = asyncio.Event()

    def start(self) -> None:
        """Start the fault."""
        self._started.set()

    def has_reached(self, at_s: float) -> bool:
        """Return whether the fault has started.

        Args:
            at_s: The time of the fault in the scenario; 0 disables the fault.

        Returns:
            Whether the fault is active.
        """
        return at_s > 0 and self._started.is_set()

    async def wait(self, at_s: float) -> None:
        """Wait until the fault starts.

        Args:
            at_s: The time of the fault in the scenario, which this clock ignores.
        """
        await self._started.wait()

    def add_speech(self, duration_s: float, track: object) -> None:
        """Ignore the speech of the worker.

        Args:
            duration_s: Seconds of the added speech.
            track: The audio track of the worker.
        """


Plan = tuple[Scenario, TriggeredClock]


class MatrixProvider(MockProvider):
    """A provider of workers with faults in a room in memory.

    Args:
        room: The room of the workers.
        protocol: Fields of the scenario of every worker without a fault.
        run_ahead_s: Seconds of audio that avatar-core sends ahead.

    Attributes:
        planned: The scenario and the clock of each of the next workers.
        plan: Returns the scenario and the clock of a worker for which nothing was planned, by the
            identity of its participant.
        clock: The clock of the latest worker.
        alive: The identity of each session that was created and not released.
        most_alive: The largest number of sessions at one time.
        created, released: The session ids in order.
        provisioning: Set while `provision` runs.
        provision_s: Seconds that `provision` waits before it starts a worker.
    """

    def __init__(self, room: MemoryRoom, protocol: str, run_ahead_s: float) -> None:
        super().__init__(SMALL)
        self.capabilities = Capabilities(  # type: ignore[misc]
            audio=AudioFormat(24_000),
            playout_latency_s=0.1,
            run_ahead_s=run_ahead_s,
            ends_session=True,
            expected_join_s=2.0,
        )
        self._room = room
        self.protocol = protocol
        self.planned: deque[Plan] = deque()
        self.plan: Callable[[str], Plan] = lambda _: (Scenario.parse(protocol), TriggeredClock())
        self.clock = TriggeredClock()
        self.alive: dict[str, str] = {}
        self.most_alive = 0
        self.created: list[str] = []
        self.released: list[str] = []
        self.provisioning = asyncio.Event()
        self.provision_s = 0.0
        self._ends: dict[str, asyncio.Future[str]] = {}

    async def start_worker(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Start the next planned worker, or a worker without faults.

        Args:
            request: The request of avatar-core.

        Returns:
            The record of the worker.

        Raises:
            AvatarError: The renderer cannot be created, or the worker ended before it was ready.
            RuntimeError: The library looptime controls the running event loop.
        """
        self.provisioning.set()
        await asyncio.sleep(self.provision_s)
        scenario, clock = self.planned.popleft() if self.planned else self.plan(request.identity)
        self.clock = clock
        return await start_faulty_task(
            self._room,
            self.renderer,
            token=request.avatar_token(),
            options=self.options(),
            scenario=scenario,
            clock=clock,
        )

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session and record it.

        Args:
            request: The request of avatar-core.

        Returns:
            The record of the session.

        Raises:
            AvatarError: The worker did not start.
        """
        avatar = await super().provision(request)
        self.created.append(avatar.session_id)
        self.alive[avatar.session_id] = avatar.identity
        self.most_alive = max(self.most_alive, len(self.alive))
        self.provisioning.clear()
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End a session and record it.

        Args:
            avatar: The record of the session.
            reason: The reason of the end.
        """
        self.alive.pop(avatar.session_id, None)
        self.released.append(avatar.session_id)
        await super().release(avatar, reason)

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the test has ended the session, or our own worker has exited.

        The API of a vendor does not report at once that a worker was killed.

        Args:
            avatar: The record of the session.

        Returns:
            The reason of the end.
        """
        self._ends[avatar.session_id] = end = asyncio.get_running_loop().create_future()
        if self.protocol:
            return await end
        exited = asyncio.ensure_future(super().watch(avatar))
        try:
            await asyncio.wait((end, exited), return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
        return end.result() if end.done() else "the worker has exited"

    def end_session(self) -> None:
        """Let the vendor end the latest session."""
        end = self._ends.get(self.created[-1]) if self.created else None
        if end is not None and not end.done():
            end.set_result(SESSION_END)
