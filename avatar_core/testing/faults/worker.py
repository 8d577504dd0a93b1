"""A worker that fails as a scenario says.

A process runs it in a room of a LiveKit server, a task in a room in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.renderer import Renderer
from avatar_core.testing.faults.intruder import OverheardLink
from avatar_core.testing.faults.link import FaultyLink
from avatar_core.testing.faults.renderer import FaultyExecutor, FaultyRenderer
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.worker.executors import Executor
from avatar_core.worker.worker import AvatarWorker


class Body(Protocol):
    """The process or the task that a worker runs in, and its place in the room."""

    async def join(self) -> RoomLink:
        """Join the room."""

    def executor(self) -> Executor:
        """Return the executor of its renderer."""

    def join_beside(self) -> RoomLink | None:
        """Join as another participant; None where that needs another token."""

    def crash(self) -> None:
        """End at once, without leaving the room."""

    def freeze(self) -> None:
        """Stop everything, and stay in the room."""

    async def reconnect(self) -> None:
        """Let the room reconnect in full."""


async def perform(
    body: Body, renderer: Callable[[], Renderer], scenario: Scenario, ready: asyncio.Event
) -> None:
    """Run a worker until its agent leaves or its room ends; cancel it to end it.

    Args:
        body: The process or task that this runs in.
        renderer: Makes the renderer of each visit to the room.
        scenario: The faults.
        ready: Set once both tracks are published; earlier if the scenario delays the join.
    """
    if scenario.never_joins or scenario.join_delay_s:
        ready.set()
    if scenario.never_joins:
        await asyncio.get_running_loop().create_future()
    if scenario.join_delay_s:
        await asyncio.sleep(scenario.join_delay_s)
    await _visit(body, renderer(), scenario, ready)
    if scenario.back_after_s:
        await asyncio.sleep(scenario.back_after_s)
        await _visit(body, renderer(), Scenario(), ready)


async def _visit(body: Body, renderer: Renderer, scenario: Scenario, ready: asyncio.Event) -> None:
    link, executor = await body.join(), body.executor()
    if scenario.foreign and (foreigner := body.join_beside()) is not None:
        link = OverheardLink(link, scenario, foreigner)
    if scenario.as_dict():
        link, executor = FaultyLink(link, scenario), FaultyExecutor(executor, scenario)
        renderer = FaultyRenderer(renderer, scenario)
    if scenario.stock:
        link = StockWireLink(link)
    try:
        worker = AvatarWorker(link, renderer, executor=executor, ready=ready)
        acting = [asyncio.create_task(act) for act in _acts(body, worker, scenario)]
        try:
            await worker.run()
        finally:
            for task in acting:
                task.cancel()
            await asyncio.gather(*acting, return_exceptions=True)
    finally:
        await link.aclose()


def _acts(body: Body, worker: AvatarWorker, scenario: Scenario) -> list[Any]:
    async def at(seconds: float, act: Callable[[], Any]) -> None:
        await asyncio.sleep(seconds)
        result = act()
        if asyncio.iscoroutine(result):
            await result

    plan = (
        (scenario.leaves_at_s, worker.stop),
        (scenario.crash_at_s, body.crash),
        (scenario.freeze_at_s, body.freeze),
        (scenario.reconnect_at_s, body.reconnect),
    )
    return [at(seconds, act) for seconds, act in plan if seconds > 0]
