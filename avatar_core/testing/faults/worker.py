"""A worker on its stage: assembled from names, misbehaving as its scenario wants.

The same in both kinds of room: a child process runs it in a real one, a task in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from avatar_core.contracts.errors import AvatarError, WorkerError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.renderer import Renderer
from avatar_core.testing.faults.intruder import OverheardLink
from avatar_core.testing.faults.link import FaultyLink
from avatar_core.testing.faults.renderer import FaultyExecutor, FaultyRenderer
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.worker.executors import Executor
from avatar_core.worker.worker import AvatarWorker


class Body(Protocol):
    """What a worker is in its room: a process, or a task."""

    async def join(self) -> RoomLink:
        """Enter the room."""

    def executor(self) -> Executor:
        """What draws for it."""

    def join_beside(self) -> RoomLink | None:
        """Somebody else enters it; None where that takes another token."""

    def crash(self) -> None:
        """Be gone without a word."""

    def freeze(self) -> None:
        """Stop doing anything, and stay."""

    async def reconnect(self) -> None:
        """Reconnect in full."""


def load_renderer(path: str, options: Mapping[str, Any]) -> Renderer:
    """A renderer by `package.module:Class` and its arguments.

    Raises:
        WorkerError: There is none of that name, or it cannot be made.
        AvatarError: As the renderer itself says.
    """
    module, _, name = path.partition(":")
    try:
        renderer = getattr(import_module(module), name)(**options)
    except AvatarError:
        raise
    except Exception as error:
        raise WorkerError(
            f"the renderer {path} cannot be made ({type(error).__name__}: {error}).",
            hint="Check its name, its options, and what it needs installed.",
        ) from error
    if not isinstance(renderer, Renderer):
        raise WorkerError(f"{path} is no Renderer.")
    return renderer


async def perform(
    body: Body,
    renderer: Callable[[], Renderer],
    scenario: Scenario,
    *,
    ready: asyncio.Event,
    stopping: asyncio.Event,
) -> None:
    """Run a worker until its agent leaves, its room is gone, or `stopping` is set.

    Args:
        body: Its place in the room.
        renderer: Makes the renderer of each visit.
        scenario: How it misbehaves; all quiet is a plain worker.
        ready: Set once it is in the room with both its tracks, or would be.
        stopping: Ends it.
    """
    if scenario.never_joins or scenario.join_delay_s:
        ready.set()
    if scenario.never_joins or await _passes(scenario.join_delay_s, stopping):
        await stopping.wait()
        return
    await _visit(body, renderer(), scenario, ready, stopping)
    if scenario.back_after_s and not await _passes(scenario.back_after_s, stopping):
        await _visit(body, renderer(), Scenario(), ready, stopping)


async def _visit(
    body: Body,
    renderer: Renderer,
    scenario: Scenario,
    ready: asyncio.Event,
    stopping: asyncio.Event,
) -> None:
    link, executor = await body.join(), body.executor()
    if scenario.foreign and (foreigner := body.join_beside()) is not None:
        link = OverheardLink(link, scenario, foreigner)
    if scenario.as_dict():
        link, executor = FaultyLink(link, scenario), FaultyExecutor(executor, scenario)
        renderer = FaultyRenderer(renderer, scenario)
    worker = AvatarWorker(link, renderer, executor=executor, stock=scenario.stock)
    serving = asyncio.create_task(worker.run(), name="avatar-worker")
    helpers = [
        asyncio.create_task(_when(worker.ready, ready.set)),
        asyncio.create_task(_when(stopping, worker.stop)),
        *(asyncio.create_task(act) for act in _acts(body, worker, scenario)),
    ]
    try:
        await serving
    finally:
        for task in (serving, *helpers):
            task.cancel()
        await asyncio.gather(serving, *helpers, return_exceptions=True)
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


async def _when(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


async def _passes(seconds: float, stopping: asyncio.Event) -> bool:
    """Wait; True if it was stopped meanwhile."""
    if seconds <= 0:
        return stopping.is_set()
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
