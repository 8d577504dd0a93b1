"""Workers of real rooms: how one is started, and what its process runs.

    python -m avatar_core.rtc.worker_process NONCE

The process reads its configuration from stdin. It dies with its parent, by whatever the parent
dies: the kernel sends it SIGKILL on Linux, and on every system the end of stdin stops it.
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
"""What a worker process does: (configuration, set once it serves); it ends where cancelled."""


async def start_worker(
    renderer: str,
    *,
    livekit_url: str,
    token: str,
    options: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """Start a worker process in a room of a LiveKit server; see `StartWorker`.

    Args:
        renderer: `package.module:Class` of a `Renderer`.
        livekit_url: The server.
        token: The token it joins with.
        options: Keyword arguments of the renderer, JSON-safe.

    Returns:
        Its record, for `stop_worker` and `worker_exited`, once it is in the room.

    Raises:
        WorkerError: It cannot be started or dies before it is ready; its last words are
            in the message.
    """
    return await start_process(
        __name__, renderer=renderer, livekit_url=livekit_url, token=token, options=options
    )


async def serve(config: Mapping[str, Any], ready: asyncio.Event) -> None:
    """Be the avatar of one agent until it has left for good, or the room is gone."""
    from avatar_core.rtc.join import join
    from avatar_core.worker.renderers import load_renderer
    from avatar_core.worker.worker import AvatarWorker

    renderer = load_renderer(config["renderer"], config["options"])
    link = await join(config["livekit_url"], config["token"])
    try:
        await AvatarWorker(link, renderer, ready=ready).run()
    finally:
        await link.aclose()


def run(work: Work) -> None:
    """Be a worker process: work until that ends, the parent goes, or a signal comes."""
    die_with_parent()
    # Job processes of livekit-agents ignore these, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.WARNING, format="avatar worker: %(message)s")
    try:
        asyncio.run(_until_stopped(work, json.loads(sys.stdin.readline())))
    except AvatarError as error:
        sys.exit(str(error))


async def _until_stopped(work: Work, config: Mapping[str, Any]) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    working = loop.create_task(work(config, ready), name="avatar-worker")
    telling = loop.create_task(_tell(ready), name="avatar-worker-ready")

    def stop() -> None:
        loop.remove_reader(sys.stdin)
        if not working.cancelling():  # a second one must not break off what the first one ends
            working.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_reader(sys.stdin, stop)  # nothing more is written to it: this is its end
    try:
        with suppress(asyncio.CancelledError):
            await working
    finally:
        telling.cancel()


async def _tell(ready: asyncio.Event) -> None:
    await ready.wait()
    sys.stdout.write("\nREADY\n")  # a line of its own, whatever a library left unfinished
    sys.stdout.flush()


if __name__ == "__main__":
    run(serve)
