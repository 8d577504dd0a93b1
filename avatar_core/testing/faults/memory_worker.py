"""Workers with faults that run as asyncio tasks in a room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from avatar_core.contracts.link import RoomLink
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.hanging_link import HangingLink
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker import perform
from avatar_core.testing.room.members import Hub
from avatar_core.testing.room.workers import admit, identity_of
from avatar_core.worker import in_process
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.renderers import load_renderer


async def start_faulty_task(
    room: Hub,
    renderer: str,
    *,
    token: str,
    options: Mapping[str, Any] | None = None,
    scenario: Scenario,
    key: bytes | None = None,
    clock: FaultClock | None = None,
) -> Mapping[str, Any]:
    """Start a worker with faults in a room in memory, and wait until the worker is ready.

    Args:
        room: The room that the worker joins.
        renderer: Path of a `Renderer` class: `package.module:Class`.
        token: Room token of the worker, from `workers.mint`.
        options: Keyword arguments of the renderer class; None for none.
        scenario: The faults to apply to the worker, its link and its renderer.
        key: The key with which the worker encrypts its messages; None for no encryption.
        clock: Decides when a fault of the vendor starts; None for a clock that starts at the join.

    Returns:
        The record of the worker, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The renderer cannot be created, or the worker ended before it was ready.
        AvatarError: The renderer class raised the error.
        RoomError: The worker could not publish its tracks.
        RuntimeError: The library looptime controls the running event loop.
    """
    ready = asyncio.Event()
    load_renderer(renderer, options or {}).close()  # raises now if it cannot be made

    async def work() -> None:
        """Run the worker until its agent leaves, its room ends, or the task is cancelled.

        Raises:
            AvatarError: The renderer cannot be created, or the worker could not publish its tracks.
        """
        body = MemoryBody(room, token, key, may_hang=scenario.hang_at_s > 0)
        draw = partial(load_renderer, renderer, options or {})
        await perform(body, draw, scenario, ready, clock)

    return await in_process.start(work(), ready)


class MemoryBody:
    """The `Body` of a worker that runs as the current task in a room in memory.

    Args:
        room: The room that the worker joins.
        token: Room token of the worker, from `workers.mint`.
        key: The key with which the worker encrypts its messages; None for no encryption.
        may_hang: Whether `hang` may be called.
    """

    def __init__(self, room: Hub, token: str, key: bytes | None, *, may_hang: bool) -> None:
        self._may_hang = may_hang
        self._link: HangingLink | None = None
        self._key = key
        self._room = room
        self._token = token
        self._identity = identity_of(token)
        self._task = asyncio.current_task()

    async def join(self) -> RoomLink:
        """Join the room as the participant of the token.

        Returns:
            The link of the worker's participant.

        Raises:
            RuntimeError: The library looptime controls the running event loop.
        """
        link = admit(self._room, self._token, self._key)
        if self._may_hang:
            link = self._link = HangingLink(link)
        return link

    def executor(self) -> InlineExecutor:
        """Return an executor that runs the renderer on the event loop, without a thread.

        Returns:
            A new executor.
        """
        return InlineExecutor()

    def join_beside(self) -> RoomLink:
        """Join the room as the intruder `<identity>-foreigner`.

        Returns:
            The link of the intruder.

        Raises:
            RuntimeError: The library looptime controls the running event loop.
        """
        return self._room.join(f"{self._identity}-foreigner")

    def crash(self) -> None:
        """Disconnect the worker without a leave message, and cancel the worker's task."""
        self._room.crash(self._identity)
        if self._task is not None:
            self._task.cancel()

    def freeze(self) -> None:
        """Make the worker's link hang, while its participant stays in the room.

        Raises:
            KeyError: The worker is not in the room.
        """
        self._room.members[self._identity].link.freeze()

    def hang(self, duration_s: float) -> None:
        """Make the messages, calls and frames of the worker wait.

        Args:
            duration_s: Seconds until the worker continues; 0 means never.
        """
        if self._link is not None:
            self._link.hang.start(duration_s)

    def mute(self) -> None:
        """Mute the worker's audio track."""
        self._room.mute(self._identity)

    def mute_by_server(self) -> None:
        """Mute the worker's audio track; in memory, the effect is the same as of `mute`."""
        self._room.mute(self._identity)

    def revoke_permission(self) -> None:
        """Revoke the worker's permission to publish, which unpublishes its tracks."""
        self._room.revoke_publishing(self._identity)

    async def reconnect(self) -> None:
        """Start a full reconnect of the worker's participant, which breaks its streams.

        Raises:
            KeyError: The worker is not in the room.
        """
        self._room.reconnect(self._identity)
