"""Starts workers with faults, in a room in memory or in a room of a LiveKit server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.provisioning import ProvisionRequest
from avatar_core.rtc.room_workers import RoomWorkers
from avatar_core.testing.faults.memory_worker import start_faulty_task
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker_process import start_faulty_process
from avatar_core.testing.room.workers import MemoryWorkers


async def start_faulty_worker(
    request: ProvisionRequest,
    renderer: str,
    *,
    options: Mapping[str, Any] | None = None,
    scenario: Scenario,
) -> Mapping[str, Any]:
    """Start one of our own workers with faults; a provider calls this instead of `start_worker`.

    Args:
        request: The provisioning request, for a room in memory or on a LiveKit server.
        renderer: Path of a `Renderer` class: `package.module:Class`.
        options: Keyword arguments of the renderer class, JSON-safe; None for none.
        scenario: The faults to apply to the worker, its link and its renderer.

    Returns:
        The record of the worker, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The worker cannot be started, or ended before it was ready.
        AvatarError: In a room in memory, the renderer class or the room raised the error.
    """
    token, start = request.avatar_token(), request.start_worker
    if isinstance(start, MemoryWorkers):
        return await start_faulty_task(
            start.room,
            renderer,
            token=token,
            options=options,
            scenario=scenario,
            key=start.worker_key(),
        )
    return await start_faulty_process(
        renderer,
        livekit_url=request.livekit_url,
        token=token,
        options=options,
        scenario=scenario,
        encryption=start.encryption() if isinstance(start, RoomWorkers) else None,
    )
