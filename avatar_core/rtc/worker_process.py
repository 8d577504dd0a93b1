"""The worker process: the function that starts it, and the code that runs in it.

    python -m avatar_core.rtc.worker_process NONCE

The process reads its configuration from stdin, and ends with its parent. On Linux the kernel sends
the process SIGKILL when its parent dies. On every system the process stops at the end of stdin.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.processes import die_with_parent
from avatar_core.worker.process import start_process

Work = Callable[[Mapping[str, Any], asyncio.Event], Coroutine[Any, Any, None]]
"""The work of a worker process: (configuration, event that it sets once it serves)."""


async def start_worker(
    renderer: str,
    *,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Start a worker process in a room of a LiveKit server, and wait until it is ready.

    Args:
        renderer: The renderer class as `package.module:Class`.
        livekit_url: The URL of the LiveKit server.
        token: The room token of the worker.
        options: Keyword arguments of the renderer, JSON-safe; None for no arguments.

    Returns:
        The record of the worker, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The process cannot be started, or ended before it was ready. The message
            contains the last output of the process.
    """
    return await start_process(
        __name__, renderer=renderer, livekit_url=livekit_url, token=token, options=options
    )


async def serve(config: Mapping[str, Any], ready: asyncio.Event) -> None:
    """Run a worker until its agent has left for good, or the room has ended.

    Args:
        config: The arguments of `start_worker`, by name.
        ready: An event that the worker sets once it serves its agent.

    Raises:
        AvatarError: The renderer cannot be loaded, the room cannot be joined, or the worker failed.
    """
    from avatar_core.rtc.encryption import read_encryption
    from avatar_core.rtc.join import join
    from avatar_core.worker.renderers import load_renderer
    from avatar_core.worker.worker import AvatarWorker

    renderer = load_renderer(config["renderer"], config["options"])
    encryption = read_encryption(config["encryption"])
    link = await join(config["livekit_url"], config["token"], encryption=encryption)
    try:
        await AvatarWorker(link, renderer, ready=ready).run()
    finally:
        await link.aclose()


def run(work: Work) -> None:
    """Run a worker process until its work ends, its parent ends, or SIGTERM arrives.

    Args:
        work: Called with the configuration from stdin and the ready event. The worker serves its
            agent until the coroutine is cancelled; then the worker leaves its room.

    Raises:
        SystemExit: `work` raised an AvatarError, whose text becomes the exit message.
        ValueError: The first line of stdin is not JSON.
        Exception: Any other exception of `work`.
    """
    die_with_parent()
    # Job processes of livekit-agents ignore these, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C of a terminal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.WARNING, format="avatar worker: %(message)s")
    try:
        asyncio.run(_until_stopped(work, json.loads(sys.stdin.readline())))
    except AvatarError as error:
        sys.exit(str(error))


async def _until_stopped(work: Work, config: Mapping[str, Any]) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    working = loop.create_task(work(config, ready), name="avatar-worker")
    reporting = loop.create_task(_report_ready(ready), name="avatar-worker-ready")

    def stop() -> None:
        """Cancel the work once, because SIGTERM or the end of stdin has arrived."""
        loop.remove_reader(sys.stdin)
        if not working.cancelling():  # a second cancel would interrupt its clean-up
            working.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_reader(sys.stdin, stop)  # stdin becomes readable when the parent closes it
    try:
        with suppress(asyncio.CancelledError):
            await working
    finally:
        reporting.cancel()


async def _report_ready(ready: asyncio.Event) -> None:
    await ready.wait()
    sys.stdout.write(
        "\nREADY\n"
    )  # begins with a line break, because a library may have left a line open
    sys.stdout.flush()


if __name__ == "__main__":
    run(serve)
