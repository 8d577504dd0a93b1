"""Runs a worker with the faults of a scenario, as a process or as a task.

A process runs the worker in a room of a LiveKit server. A task runs the worker in a room in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.renderer import Renderer
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.intruder import OverheardLink
from avatar_core.testing.faults.link import FaultyLink
from avatar_core.testing.faults.renderer import FaultyExecutor, FaultyRenderer
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.faults.vendor_link import VendorLink
from avatar_core.worker.executors import Executor
from avatar_core.worker.worker import AvatarWorker


class Body(Protocol):
    """The process or the task that runs a worker, and the worker's connection to the room."""

    async def join(self) -> RoomLink:
        """Join the room as the worker's participant.

        Returns:
            The worker's link to the room.

        Raises:
            RoomError: The room cannot be joined.
        """

    def executor(self) -> Executor:
        """Return a new executor, which runs the calls of the renderer.

        Returns:
            The executor.
        """

    def join_beside(self) -> RoomLink | None:
        """Join the same room as an intruder, a second participant.

        Returns:
            The intruder's link to the room; None if the intruder would need another token.
        """

    def crash(self) -> None:
        """End the worker at once, without a leave message to the room."""

    def freeze(self) -> None:
        """Stop all work of the worker, while its participant stays in the room."""

    def hang(self, duration_s: float) -> None:
        """Block the worker's event loop, while its audio track sends silence.

        Args:
            duration_s: Seconds until the event loop continues; 0 means never.
        """

    async def reconnect(self) -> None:
        """Start a full reconnect of the worker's room connection."""

    def mute(self) -> None:
        """Mute the worker's audio track."""

    def mute_by_server(self) -> None:
        """Mute the worker's audio track through the server."""

    def revoke_permission(self) -> None:
        """Revoke the worker's permission to publish through the server."""


async def perform(
    body: Body,
    renderer: Callable[[], Renderer],
    scenario: Scenario,
    ready: asyncio.Event,
    clock: FaultClock | None = None,
) -> None:
    """Run a worker until its agent leaves or its room ends.

    The caller cancels this coroutine to end the worker earlier. With `never_joins`, the coroutine
    waits until it is cancelled. With `back_after_s`, the worker visits the room a second time, with
    the same protocol and without faults.

    Args:
        body: The process or task that runs this coroutine.
        renderer: Creates the renderer of each visit to the room.
        scenario: The faults to apply to the worker, its link and its renderer.
        ready: Set when both tracks are published, or at once if the scenario delays or prevents the
            join.
        clock: Decides when a fault of the vendor starts; None for a clock that starts at the join.

    Raises:
        RoomError: The worker could not join the room or publish its tracks.
        WorkerError: The room token does not name an agent.
        Exception: `renderer` raised the exception.
    """
    if scenario.never_joins or scenario.join_delay_s:
        ready.set()
    if scenario.never_joins:
        await asyncio.get_running_loop().create_future()
    if scenario.join_delay_s:
        await asyncio.sleep(scenario.join_delay_s)
    await _visit(body, renderer(), scenario, ready, clock)
    if scenario.back_after_s:
        await asyncio.sleep(scenario.back_after_s)
        second = Scenario(stock=scenario.stock, reports_nothing=scenario.reports_nothing)
        await _visit(body, renderer(), second, ready)


async def _visit(
    body: Body,
    renderer: Renderer,
    scenario: Scenario,
    ready: asyncio.Event,
    clock: FaultClock | None = None,
) -> None:
    link, executor = await body.join(), body.executor()
    if scenario.foreign and (foreigner := body.join_beside()) is not None:
        link = OverheardLink(link, scenario, foreigner)
    if scenario.as_dict():
        link, executor = FaultyLink(link, scenario), FaultyExecutor(executor, scenario)
        renderer = FaultyRenderer(renderer, scenario)
    clock = clock or FaultClock(scenario)
    link = vendor = VendorLink(link, scenario, clock)
    if scenario.stock:
        link = StockWireLink(link)
    try:
        worker = AvatarWorker(link, renderer, executor=executor, ready=ready)
        async with timed_faults(body, worker.stop, vendor, scenario, clock):
            await worker.run()
    finally:
        await link.aclose()


@asynccontextmanager
async def timed_faults(
    body: Body,
    leave: Callable[[], None],
    link: VendorLink,
    scenario: Scenario,
    clock: FaultClock,
) -> AsyncIterator[None]:
    """Start each fault of a scenario that starts at a time, during an `async with` block.

    Args:
        body: The process or task of the worker.
        leave: Makes the worker leave the room.
        link: The worker's link, whose audio track a fault can unpublish.
        scenario: The faults.
        clock: Decides when a fault starts.

    Yields:
        None.
    """
    plan = _plan(body, leave, link, scenario)
    acting = [asyncio.create_task(_act(clock, at_s, act)) for at_s, act in plan if at_s > 0]
    try:
        yield
    finally:
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)


def _plan(
    body: Body, leave: Callable[[], None], link: VendorLink, scenario: Scenario
) -> Sequence[tuple[float, Callable[[], Awaitable[None] | None]]]:
    """Return the time of each fault that starts at a time, and the function that starts it."""
    return (
        (scenario.leaves_at_s, leave),
        (scenario.crash_at_s, body.crash),
        (scenario.freeze_at_s, body.freeze),
        (scenario.hang_at_s, partial(body.hang, scenario.hang_s)),
        (scenario.reconnect_at_s, body.reconnect),
        (scenario.mutes_at_s, body.mute),
        (scenario.unpublishes_at_s, link.unpublish_audio),
        (scenario.server_mutes_at_s, body.mute_by_server),
        (scenario.revoked_at_s, body.revoke_permission),
    )


async def _act(clock: FaultClock, at_s: float, act: Callable[[], Awaitable[None] | None]) -> None:
    await clock.wait(at_s)
    result = act()
    if result is not None:
        await result
