"""Kills real agents with SIGKILL at random moments, then runs `avatar reap`.

    python -m tests.long.kill_agents 50

No session of a killed agent may stay open. Two agents of another process stay alive meanwhile,
and keep their sessions.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.participants import RoomEvent
from avatar_core.rtc.join import join
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.server import DevServer
from avatar_core.worker import in_process
from tests.support.plugins import FakeSite

ROOT = Path(__file__).parents[2]
AT_ONCE = 3
MAX_DELAY_S = 1.5
"""Longest time from the start of an avatar to the kill of its agent."""
CREATE_S, JOIN_S = 0.4, 0.3
KINDS = ("lookup", "key")


@dataclass
class Result:
    """The result of one run.

    Attributes:
        killed: Agents that were killed.
        created: Sessions that the vendor created.
        open_before: Open sessions of killed agents before the reaper ran.
        reap_results: Statuses that the reaper reported, with their counts.
        open: Open sessions of killed agents after the reaper ran.
        living: Open sessions of living agents after the reaper ran.
        end_reasons: Why sessions ended, with their counts.
    """

    killed: int
    created: int = 0
    open_before: int = 0
    reap_results: Counter[str] = field(default_factory=Counter)
    open: int = 0
    living: int = 0
    end_reasons: Counter[str] = field(default_factory=Counter)


async def launch_silent_worker(session: VendorSession, _: Scenario) -> Mapping[str, Any]:
    """Launch a worker that stays silent in its real room until it is removed."""
    try:
        link = await join(session.livekit_url, session.token)
    except RoomError:
        return {}
    removed = asyncio.Event()

    async def stay() -> None:
        await removed.wait()
        await link.aclose()

    link.watch(lambda event, _: removed.set() if event is RoomEvent.DISCONNECTED else None)
    task = asyncio.create_task(stay(), name="silent worker")
    return in_process.keep(task, removed.set)


def make_environment(folder: Path, **variables: str) -> dict[str, str]:
    """Return environment variables in which the provider `acme` is installed and chosen."""
    folder.mkdir()
    FakeSite(folder).install(
        "avatar-provider-acme", {"acme": "avatar_core.testing.rest_harness:Acme"}
    )
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "AVATAR_PROVIDER": "acme", **variables}


class Prefork:
    """A process that forks agents."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lock = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def start(cls, environment: Mapping[str, str], *prefix: str) -> AsyncIterator[Prefork]:
        """Run the process while the block runs, and kill it with its agents afterwards.

        Args:
            environment: The environment variables of the process.
            prefix: A command that runs the process, such as `unshare`.
        """
        process = await asyncio.create_subprocess_exec(
            *(*prefix, sys.executable, "-m", "tests.long.prefork"),
            env=environment,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        prefork = cls(process)
        try:
            await prefork._read_line()
            yield prefork
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def start_agent(self, room: str) -> int:
        """Start an agent in a room, and return its pid in the namespace of this process."""
        return await self._send_line(room)

    async def kill_agent(self, pid: int) -> None:
        """Kill an agent with SIGKILL.

        Args:
            pid: The result of `start_agent`.
        """
        await self._send_line(f"kill {pid}")

    async def _send_line(self, line: str) -> int:
        assert self._process.stdin is not None
        async with self._lock:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
            return int(await self._read_line())

    async def _read_line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


async def kill_agents(times: int, server: DevServer, folder: Path, kind: str = "lookup") -> Result:
    """Kill agents, then run the reaper.

    Args:
        times: Number of agents to kill.
        server: The LiveKit server of their rooms.
        folder: Folder for the ledger.
        kind: How the vendor's create can be repeated: "lookup" or "key".

    Returns:
        The counts.
    """
    # If the response to a create is lost, the reaper removes the worker, which ends the session.
    left_timeout_s = 3600.0 if kind == "lookup" else 0.0
    account = VendorAccount(
        launch_silent_worker, join_s=JOIN_S, absent_timeout_s=3600.0, left_timeout_s=left_timeout_s
    )
    vendor = FakeVendor(account, create_s=CREATE_S, idempotent=kind == "key")
    dice, result, own_pid = random.Random(times), Result(times), os.getpid()
    async with serve_http(vendor) as address:
        environment = make_environment(
            folder / "site",
            ACME_API_URL=address,
            ACME_KIND=kind,
            STARTED_FOLDER=str(folder),
            AVATAR_LEDGER=str(folder / "ledger"),
            LIVEKIT_URL=server.url,
            LIVEKIT_API_KEY=server.api_key,
            LIVEKIT_API_SECRET=server.api_secret,
        )
        async with Prefork.start(environment) as living, Prefork.start(environment) as dying:
            rooms = [f"living-{own_pid}-{number}" for number in range(2)]
            for room in rooms:
                await living.start_agent(room)
            await wait_until(lambda: sum(one.worker_joined for one in account.sessions) == 2)

            async def one(number: int) -> None:
                room = f"dying-{own_pid}-{number}"
                pid = await dying.start_agent(room)
                await wait_until((folder / room).exists)
                await asyncio.sleep(dice.uniform(0.0, MAX_DELAY_S))
                os.kill(pid, signal.SIGKILL)

            for first in range(0, times, AT_ONCE):
                await asyncio.gather(*map(one, range(first, min(times, first + AT_ONCE))))
            await asyncio.sleep(CREATE_S + JOIN_S + 0.5)  # for creates that are in progress
            dead = [one for one in account.sessions if not one.name.startswith("living")]
            result.open_before = sum(one.ended_at is None for one in dead)
            result.reap_results.update(await run_reap(environment))
            result.created = len(account.sessions)
            result.open = sum(one.ended_at is None for one in dead)
            result.living = len(account.active) - result.open
            result.end_reasons.update(one.end_reason for one in account.sessions)
    await vendor.aclose()
    return result


async def run_reap(environment: Mapping[str, str], *prefix: str) -> list[str]:
    """Run `avatar reap --json`.

    Args:
        environment: The environment variables of the process.
        prefix: A command that runs the process, such as `unshare`.

    Returns:
        The status of each session.
    """
    reap = "from avatar_core.cli import app; app()", "reap", "--json"
    reaper = await asyncio.create_subprocess_exec(
        *(*prefix, sys.executable, "-c", *reap),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await reaper.communicate()
    return [reaped["status"] for reaped in json.loads(output)]


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, at most a minute; another process causes it."""
    async with asyncio.timeout(60.0):
        while not condition():  # noqa: ASYNC110 - another process causes it
            await asyncio.sleep(0.05)


async def main(times: int) -> int:
    """Print the results; return 1 if a session stayed open."""
    async with DevServer.from_environment() as server:
        bad = 0
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                result = await kill_agents(times, server, Path(folder), kind)
            print(kind, result)
            bad += result.open + (result.living != 2)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(int(sys.argv[1]))))
