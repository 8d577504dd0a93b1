"""Kills real agents in pid namespaces of their own, as in containers, and reaps from outside.

    python -m tests.long.pid_namespaces 10

Each round runs one agent in its own pid namespace, beside the ledger and the reaper of the host.
While the agent lives, `avatar reap` must not touch its session, from the host and from another
namespace. Once the agent was killed, `avatar reap` must end the session, from the same places in
turn. Then a container is killed with its agent and restarted: a new agent in a new namespace, with
the same ledger, must end the session of the old agent, and `avatar reap` must not touch the
session of the new agent. The machine must permit `unshare --pid`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.server import DevServer
from tests.long.kill_agents import (
    Prefork,
    launch_silent_worker,
    make_environment,
    run_reap,
    wait_until,
)

NAMESPACE = (
    *(("unshare",) if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user")),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
PLACES: Mapping[str, tuple[str, ...]] = {"the host": (), "another namespace": NAMESPACE}


async def run_round(
    number: int, account: VendorAccount, environment: Mapping[str, str]
) -> Counter[str]:
    """Run one agent in a namespace, reap while it lives and after it was killed.

    Args:
        number: Number of the round; it selects the place of the last reaper.
        account: The account of the fake vendor.
        environment: The environment of the agent and of the reapers.

    Returns:
        What the reapers did, with counts.
    """
    counts: Counter[str] = Counter()
    places = list(PLACES.items())
    async with Prefork.start(environment, *NAMESPACE) as container:
        pid = await container.start_agent(f"namespace-{os.getpid()}-{number}")
        await wait_until(lambda: account.active and account.sessions[-1].worker_joined)
        for name, prefix in places:
            statuses = await run_reap(environment, *prefix)
            alive = statuses == ["alive"] and len(account.active) == 1
            counts[f"living, from {name}: {'not touched' if alive else f'WRONG {statuses}'}"] += 1
        await container.kill_agent(pid)
        name, prefix = places[number % len(places)]
        statuses = await run_reap(environment, *prefix)
        ended = statuses == ["ended"] and not account.active
        counts[f"killed, from {name}: {'ended' if ended else f'WRONG {statuses}'}"] += 1
    return counts


async def restart_container(
    number: int, account: VendorAccount, environment: Mapping[str, str]
) -> Counter[str]:
    """Kill a container with its agent, and start a new agent in a new namespace.

    Args:
        number: Number of the round; it selects the place of the reaper.
        account: The account of the fake vendor.
        environment: The environment of both agents and of the reaper.

    Returns:
        What the new agent and the reaper did, with counts.
    """
    counts: Counter[str] = Counter()
    room = f"restarted-{os.getpid()}-{number}"
    async with Prefork.start(environment, *NAMESPACE) as container:
        old_pid = await container.start_agent(f"{room}-old")
        await wait_until(lambda: account.active and account.sessions[-1].worker_joined)
    old = account.sessions[-1]
    async with Prefork.start(environment, *NAMESPACE) as container:
        was_open = old.ended_at is None
        new_pid = await container.start_agent(f"{room}-new")
        await wait_until(lambda: account.sessions[-1] is not old)
        new = account.sessions[-1]
        await wait_until(lambda: new.worker_joined and old.ended_at is not None)
        pids = "the same pid" if new_pid == old_pid else "another pid"
        ended = was_open and account.active == [new]
        result = "ended" if ended else f"WRONG {old.end_reason!r}, {len(account.active)} open"
        counts[f"killed, from the restarted container with {pids}: {result}"] += 1
        name, prefix = list(PLACES.items())[number % len(PLACES)]
        statuses = await run_reap(environment, *prefix)
        alive = statuses == ["alive"] and account.active == [new]
        result = "not touched" if alive else f"WRONG {statuses}"
        counts[f"living after a restart, from {name}: {result}"] += 1
    statuses = await run_reap(environment, *NAMESPACE)
    ended = statuses == ["ended"] and not account.active
    result = "ended" if ended else f"WRONG {statuses}"
    counts[f"killed with its container, from a new container: {result}"] += 1
    return counts


async def main(rounds: int) -> int:
    """Print the counts.

    Args:
        rounds: The number of rounds.

    Returns:
        The exit code: 1 if a session was ended wrongly, or was not ended; otherwise 0.
    """
    counts: Counter[str] = Counter()
    account = VendorAccount(launch_silent_worker, absent_timeout_s=3600.0, left_timeout_s=3600.0)
    vendor = FakeVendor(account)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with DevServer.from_environment() as server, serve_http(vendor) as address:
            environment = make_environment(
                folder / "site",
                ACME_API_URL=address,
                ACME_KIND="lookup",
                STARTED_FOLDER=name,
                AVATAR_LEDGER=str(folder / "ledger"),
                LIVEKIT_URL=server.url,
                LIVEKIT_API_KEY=server.api_key,
                LIVEKIT_API_SECRET=server.api_secret,
            )
            for number in range(rounds):
                counts += await run_round(number, account, environment)
                counts += await restart_container(number, account, environment)
        await vendor.aclose()
    for what, times in sorted(counts.items()):
        print(f"{times:4d}  {what}")
    return int(any("WRONG" in what for what in counts))


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(int(sys.argv[1]))))
