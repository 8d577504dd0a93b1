"""`kill -9` of real agents at random moments, then `avatar reap`: nothing stays open.

    python -m tests.long.kill_agents 50

Two agents of another process live on meanwhile; theirs stays open.
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
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomEvent
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
LATEST_S = 1.5
"""After an agent has begun to start its avatar."""
ANSWER_S, JOIN_S = 0.4, 0.3
KINDS = ("lookup", "key")


@dataclass
class Toll:
    """What came of it.

    Attributes:
        killed: Agents.
        sold: Sessions.
        open_before: Of the dead, before the reaper came.
        verdicts: The reaper's.
        open: Of the dead, afterwards.
        living: Of the living, afterwards.
        ends: Why sessions ended.
    """

    killed: int
    sold: int = 0
    open_before: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    open: int = 0
    living: int = 0
    ends: Counter[str] = field(default_factory=Counter)


async def bring(session: VendorSession, _: Scenario) -> Mapping[str, Any]:
    """A worker that is in its real room and does nothing, until it is put out."""
    try:
        link = await join(session.livekit_url, session.token)
    except RoomError:
        return {}
    out = asyncio.Event()

    async def stay() -> None:
        await out.wait()
        await link.aclose()

    link.watch(lambda event, _: out.set() if event is RoomEvent.DISCONNECTED else None)
    task = asyncio.create_task(stay(), name="worker that is silent")
    return in_process.keep(task, out.set)


def installed(folder: Path, **variables: str) -> dict[str, str]:
    """An environment in which the provider `acme` is installed."""
    folder.mkdir()
    FakeSite(folder).install(
        "avatar-provider-acme", {"acme": "avatar_core.testing.rest_harness:Acme"}
    )
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "AVATAR_PROVIDER": "acme", **variables}


class Zygote:
    """Forks agents."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def started(cls, environment: Mapping[str, str]) -> AsyncIterator[Zygote]:
        """Everything is imported when the block begins; its agents die with it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.long.prefork"),
            env=environment,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        zygote = cls(process)
        try:
            await zygote._line()
            yield zygote
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def agent(self, room: str) -> int:
        """An agent in that room; its pid."""
        assert self._process.stdin is not None
        async with self._asking:
            self._process.stdin.write(f"{room}\n".encode())
            await self._process.stdin.drain()
            return int(await self._line())

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


async def kill(times: int, server: DevServer, folder: Path, kind: str = "lookup") -> Toll:
    """Kill so many agents, and reap.

    Args:
        times: How many.
        server: Where their rooms are.
        folder: For the ledger.
        kind: Of the vendor.
    """
    # Where a create's answer is lost for good, its worker is put out, and the vendor must see that.
    left_timeout_s = 3600.0 if kind == "lookup" else 0.0
    account = VendorAccount(
        bring, join_s=JOIN_S, absent_timeout_s=3600.0, left_timeout_s=left_timeout_s
    )
    vendor = FakeVendor(account, create_s=ANSWER_S, idempotent=kind == "key")
    dice, toll, began = random.Random(times), Toll(times), os.getpid()
    async with serve_http(vendor) as address:
        environment = installed(
            folder / "site",
            ACME_API_URL=address,
            ACME_KIND=kind,
            BEGUN=str(folder),
            AVATAR_LEDGER=str(folder / "ledger"),
            LIVEKIT_URL=server.url,
            LIVEKIT_API_KEY=server.api_key,
            LIVEKIT_API_SECRET=server.api_secret,
        )
        async with Zygote.started(environment) as living, Zygote.started(environment) as dying:
            rooms = [f"living-{began}-{number}" for number in range(2)]
            for room in rooms:
                await living.agent(room)
            await _until(lambda: sum(one.worker_joined for one in account.sessions) == 2)

            async def one(number: int) -> None:
                room = f"dying-{began}-{number}"
                pid = await dying.agent(room)
                await _until((folder / room).exists)
                await asyncio.sleep(dice.uniform(0.0, LATEST_S))
                os.kill(pid, signal.SIGKILL)

            for first in range(0, times, AT_ONCE):
                await asyncio.gather(*map(one, range(first, min(times, first + AT_ONCE))))
            await asyncio.sleep(ANSWER_S + JOIN_S + 0.5)  # creates that were on their way
            dead = [one for one in account.sessions if not one.name.startswith("living")]
            toll.open_before = sum(one.ended_at is None for one in dead)
            toll.verdicts.update(await _reap(environment))
            toll.sold = len(account.sessions)
            toll.open = sum(one.ended_at is None for one in dead)
            toll.living = len(account.active) - toll.open
            toll.ends.update(one.end_reason for one in account.sessions)
    await vendor.aclose()
    return toll


async def _reap(environment: Mapping[str, str]) -> list[str]:
    reaper = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from avatar_core.cli import app; app()", "reap", "--json"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await reaper.communicate()
    return [result["status"] for result in json.loads(told)]


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(60.0):
        while not is_so():  # noqa: ASYNC110 - what a process does is no event here
            await asyncio.sleep(0.05)


async def main(times: int) -> int:
    """Print what came of it; the exit code is 1 if something stayed open."""
    async with DevServer.from_environment() as server:
        bad = 0
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                toll = await kill(times, server, Path(folder), kind)
            print(kind, toll)
            bad += toll.open + (toll.living != 2)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(int(sys.argv[1]))))
