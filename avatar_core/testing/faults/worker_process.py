"""Workers with faults in a room of a LiveKit server, each of them a process.

    python -m avatar_core.testing.faults.worker_process NONCE

The process is like that of `avatar_core.rtc.worker_process`, with a scenario in its
configuration.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from avatar_core.rtc.worker_process import run
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.worker.executors import ThreadExecutor
from avatar_core.worker.process import start_process

if TYPE_CHECKING:
    from avatar_core.rtc.link import RtcLink

log = logging.getLogger("avatar_core.worker")


async def start_faulty_process(
    renderer: str,
    *,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
    scenario: Scenario,
) -> Mapping[str, Any]:
    """Start a worker process with faults in a room of a LiveKit server.

    Args:
        renderer: `package.module:Class` of a `Renderer`.
        livekit_url: URL of the server.
        token: Room token of the worker.
        options: Keyword arguments of the renderer, JSON-safe.
        scenario: The faults.

    Returns:
        The worker's record, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The process cannot be started or ended before it was ready. The message
            contains its last output.
    """
    return await start_process(
        __name__,
        renderer=renderer,
        livekit_url=livekit_url,
        token=token,
        options=options,
        scenario=scenario.as_dict(),
    )


async def serve(config: Mapping[str, Any], ready: asyncio.Event) -> None:
    """Run the worker that the configuration describes."""
    from avatar_core.testing.faults.worker import perform
    from avatar_core.worker.renderers import load_renderer

    await perform(
        _Process(config["livekit_url"], config["token"]),
        lambda: load_renderer(config["renderer"], config["options"]),
        Scenario.read(config["scenario"]),
        ready,
    )


class _Process:
    """The body of a worker that is a process."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._link: RtcLink | None = None

    async def join(self) -> RtcLink:
        from avatar_core.rtc.join import join

        self._link = await join(self._url, self._token)
        return self._link

    def join_beside(self) -> None:
        log.warning(
            "The field `foreign` of the fault scenario has no effect in a room of a server."
        )

    def executor(self) -> ThreadExecutor:
        return ThreadExecutor()

    def crash(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def freeze(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    async def reconnect(self) -> None:
        from livekit import rtc

        if self._link is not None:
            await self._link.room.simulate_scenario(
                rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT
            )


if __name__ == "__main__":
    run(serve)
