"""The worker process: `python -m avatar_core.rtc.worker_process NONCE`, configured on stdin.

It dies with its parent, by whatever the parent dies: the kernel sends it SIGKILL on Linux,
and on every system the end of stdin stops it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.processes import die_with_parent
from avatar_core.worker.executors import ThreadExecutor

if TYPE_CHECKING:
    from avatar_core.rtc.link import RtcLink


log = logging.getLogger("avatar_core.worker")


def main() -> None:
    """Run one worker until its agent leaves, its parent goes, or a signal ends it."""
    die_with_parent()
    # Job processes of livekit-agents ignore these, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.WARNING, format="avatar worker: %(message)s")
    try:
        asyncio.run(_run(json.loads(sys.stdin.readline())))
    except AvatarError as error:
        sys.exit(str(error))


async def _run(config: dict[str, Any]) -> None:
    from avatar_core.testing.faults.scenario import Scenario
    from avatar_core.testing.faults.worker import load_renderer, perform

    ready, stopping = asyncio.Event(), asyncio.Event()
    telling = asyncio.create_task(_tell(ready))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_reader(sys.stdin, stopping.set)  # nothing more is written to it: this is its end
    await perform(
        _Process(config["livekit_url"], config["token"]),
        lambda: load_renderer(config["renderer"], config["options"]),
        Scenario.read(config["scenario"]),
        ready=ready,
        stopping=stopping,
    )
    telling.cancel()


async def _tell(ready: asyncio.Event) -> None:
    await ready.wait()
    sys.stdout.write("\nREADY\n")  # a line of its own, whatever a library left unfinished
    sys.stdout.flush()


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
        log.warning("One token admits one participant: nobody foreign joins a real room.")

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
    main()
