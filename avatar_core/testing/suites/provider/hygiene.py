"""Checks of hygiene: nothing is left, sessions stay apart, and the event loop is never blocked.

Each check takes the suite, and raises `CheckFailed` if the provider fails the check.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.testing.room.workers import identity_of
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.provider.bench import Bench, open_bench
from avatar_core.testing.suites.provider.discovery import load_provider
from avatar_core.testing.suites.provider.subject import ProviderSubject

SESSIONS = 20
BLOCK_S = 0.25
"""Seconds of CPU time that one step of the event loop may take."""
FILES = "/proc/self/fd"
LOOP_THREADS = ("asyncio_", "avatar-http")
"""Prefixes of the names of threads that the event loop and the HTTP client own."""


@check("P60", Level.GOLD)
async def session_leaves_nothing_behind(suite: ProviderSubject) -> None:
    """After a session and `aclose`, no task, thread or socket of the provider is left."""
    load_provider(suite)
    async with open_bench(suite) as warm_up:
        await warm_up.provider.release(await warm_up.provision(), "the first session ends")
    tasks, threads, sockets = asyncio.all_tasks(), _threads(), _sockets()
    async with open_bench(suite) as bench:
        await bench.provider.release(await bench.provision(), "the check ends")
    left = [f"the task {task.get_name()}" for task in asyncio.all_tasks() - tasks]
    left += [f"the thread {thread.name}" for thread in _threads() - threads]
    left += ["an open socket"] * (len(_sockets() - sockets) > 0)
    for task in asyncio.all_tasks() - tasks:
        task.cancel()
    if left:
        raise CheckFailed(
            f"After the session, the provider has left {', '.join(left[:5])}.",
            "End tasks and close connections in `release` and `aclose`.",
        )


@check("P61", Level.GOLD)
async def twenty_sessions_stay_apart(suite: ProviderSubject) -> None:
    """Twenty sessions that start at once have their own identities, tokens, claims and ends."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        await bench.provider.release(await bench.provision(SESSIONS + 1), "the first session ends")
        bench.delay_s = 0.1
        claims: list[list[ProvisionedAvatar]] = [[] for _ in range(SESSIONS)]
        requests = [
            replace(bench.request(number), claim=claims[number].append)
            for number in range(SESSIONS)
        ]
        avatars = await asyncio.gather(
            *(bench.provider.provision(request) for request in requests), return_exceptions=True
        )
        for request, avatar, claimed in zip(requests, avatars, claims, strict=True):
            _check_own(bench, request.identity, avatar, claimed)
        for avatar in avatars[::2]:
            assert isinstance(avatar, ProvisionedAvatar)
            await bench.provider.release(avatar, "the check ends")
        await asyncio.sleep(1.0)
        if bench.provider.capabilities.ends_session:
            _check_ends(bench, [avatar for avatar in avatars if not isinstance(avatar, Exception)])


def _check_own(
    bench: Bench, identity: str, avatar: object, claimed: list[ProvisionedAvatar]
) -> None:
    hint = "Store nothing about a session in the provider; use the request and the record."
    if not isinstance(avatar, ProvisionedAvatar):
        raise CheckFailed(f"One of {SESSIONS} sessions at once failed: {avatar}", hint)
    ids = {avatar.session_id, *(one.session_id for one in claimed)}
    if avatar.identity != identity or len(ids) > 1:
        raise CheckFailed(
            f"With {SESSIONS} sessions at once, the request for {identity} got the record of "
            f"{avatar.identity}.",
            hint,
        )
    session = bench.account.find(avatar.session_id)
    if session is not None and identity_of(session.token) != identity:
        raise CheckFailed(
            f"With {SESSIONS} sessions at once, the session of {identity} got the room token of "
            f"{identity_of(session.token)}.",
            hint,
        )


def _check_ends(bench: Bench, avatars: list[Any]) -> None:
    if bench.vendor is None:
        active = {one.session_id for one in avatars if one.identity in bench.room.members}
    else:
        active = {session.id for session in bench.account.active}
    if active != {one.session_id for one in avatars[1::2]}:
        raise CheckFailed(
            f"After half of {SESSIONS} sessions were released, {len(active)} are active, and not "
            "exactly those that were not released.",
            "End the session of the record that `release` receives, and no other.",
        )


@check("P62", Level.SILVER)
async def event_loop_is_never_blocked(suite: ProviderSubject) -> None:
    """No method waits or computes in the event loop, which would stop the agent's audio."""
    load_provider(suite)
    async with open_bench(suite) as bench:
        await bench.provider.release(await bench.provision(1), "the first session ends")
        with _watch_loop() as blocks:
            await bench.provider.release(await bench.provision(2), "the check ends")
        if blocks:
            raise CheckFailed(
                f"The provider blocked the event loop: {blocks[0]}.",
                "Await asyncio.sleep and self.rest.call, and move long computations into "
                "asyncio.to_thread.",
            )


@contextmanager
def _watch_loop() -> Iterator[list[str]]:
    """Record calls that block the running event loop, in a `with` block."""
    blocks: list[str] = []
    loop: Any = asyncio.get_running_loop()
    run_once, connect = loop._run_once, socket.socket.connect

    def sleep(duration_s: float) -> None:
        """Record a call of `time.sleep` on the event loop; sleep nowhere else.

        Args:
            duration_s: Seconds.
        """
        if asyncio._get_running_loop() is loop:
            blocks.append(f"it called time.sleep({duration_s:g})")
        else:
            threading.Event().wait(duration_s)

    def connect_or_record(self: socket.socket, address: Any) -> None:
        """Record a connection of a blocking socket on the event loop.

        Args:
            self: The socket.
            address: The address.

        Raises:
            OSError: The connection failed.
        """
        if asyncio._get_running_loop() is loop and self.gettimeout() != 0:
            blocks.append("it opened a connection with a blocking socket")
        connect(self, address)

    def run_and_measure() -> None:
        """Run one iteration of the event loop, and record a long one."""
        before_s = time.thread_time()
        run_once()
        took_s = time.thread_time() - before_s
        if took_s > BLOCK_S:
            blocks.append(f"one step computed for {took_s:.2f} s")

    loop._run_once = run_and_measure
    try:
        with (
            patch.object(time, "sleep", sleep),
            patch.object(socket.socket, "connect", connect_or_record),
        ):
            yield blocks
    finally:
        loop._run_once = run_once


def _threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if not one.name.startswith(LOOP_THREADS)}


def _sockets() -> set[str]:
    """Return the open sockets of this process; none on a system without /proc."""
    found = set()
    with suppress(FileNotFoundError):
        for name in os.listdir(FILES):
            with suppress(OSError):
                found.add(os.readlink(f"{FILES}/{name}"))
    return {target for target in found if target.startswith("socket:")}


CHECKS = (
    session_leaves_nothing_behind,
    twenty_sessions_stay_apart,
    event_loop_is_never_blocked,
)
