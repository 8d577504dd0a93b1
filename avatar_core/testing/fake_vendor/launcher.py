"""Workers of a fake vendor in a room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from avatar_core.testing.fake_vendor.account import LaunchWorker, VendorSession
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.members import Hub

RENDERER = f"{FlashRenderer.__module__}:{FlashRenderer.__name__}"
SIDE = 64


def make_launcher(room: Hub) -> LaunchWorker:
    """Create the launcher of a `VendorAccount` whose workers join a room in memory and speak there.

    Args:
        room: The room in memory of the agent.

    Returns:
        The launcher. A worker behaves as the scenario of its session says.
    """

    async def launch(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        """Start a worker with the token of a session.

        Args:
            session: The session.
            scenario: The faults of the worker.

        Returns:
            The record of the worker.

        Raises:
            WorkerError: The worker ended before it was ready.
            RoomError: The worker could not publish its tracks.
        """
        options = {"width": SIDE, "height": SIDE}
        return await start_faulty_task(
            room, RENDERER, token=session.token, options=options, scenario=scenario
        )

    return launch


async def launch_no_worker(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
    """Wait forever in place of a worker, for tests of a vendor's API alone.

    Args:
        session: The session.
        scenario: The faults of the worker, which have no effect.

    Returns:
        Never.

    Raises:
        CancelledError: The session has ended.
    """
    await asyncio.Event().wait()
    raise AssertionError
