"""Workers with faults, for providers: in a room in memory or of a LiveKit server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.provisioning import ProvisionRequest
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
    """Start a worker of our own with faults, where a provider calls `request.start_worker`.

    Args:
        request: The request, for a room in memory or of a LiveKit server.
        renderer: `package.module:Class` of a `Renderer`.
        options: Keyword arguments of the renderer, JSON-safe.
        scenario: The faults.

    Returns:
        The worker's record, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The worker cannot be started, or ended before it was ready.
    """
    token, start = request.avatar_token(), request.start_worker
    if isinstance(start, MemoryWorkers):
        return await start_faulty_task(
            start.room, renderer, token=token, options=options, scenario=scenario
        )
    return await start_faulty_process(
        renderer,
        livekit_url=request.livekit_url,
        token=token,
        options=options,
        scenario=scenario,
    )
