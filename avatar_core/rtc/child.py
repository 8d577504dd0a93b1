"""The worker process: `python -m avatar_core.rtc.child NONCE`, configured by a line on stdin.

It dies with its parent, by whatever the parent dies: the kernel sends it SIGKILL on Linux,
and on every system the end of stdin stops it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from importlib import import_module
from typing import Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.renderer import Renderer
from avatar_core.worker.host import die_with_parent


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
    from avatar_core.rtc.link import join
    from avatar_core.worker.worker import AvatarWorker

    module, _, name = config["renderer"].partition(":")
    renderer: Renderer = getattr(import_module(module), name)(**config["options"])
    link = await join(config["livekit_url"], config["token"])
    worker = AvatarWorker(link, renderer)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    loop.add_reader(sys.stdin, worker.stop)  # nothing more is written to it: this is its end
    serving = asyncio.create_task(worker.run())
    ready = asyncio.create_task(worker.ready.wait())
    await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
    if worker.ready.is_set():
        sys.stdout.write("READY\n")
        sys.stdout.flush()
    try:
        await serving
    finally:
        ready.cancel()
        await link.aclose()


if __name__ == "__main__":
    main()
