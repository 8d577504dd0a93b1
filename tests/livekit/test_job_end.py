"""A real job releases its paid session before its process ends: at close, a crash and SIGTERM."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from avatar_core.provisioning.ledger import Ledger
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.server import DevServer
from tests.livekit.agent_job import CRASH
from tests.long.kill_agents import launch_silent_worker, make_environment
from tests.support.agent_server import run_agent_server
from tests.support.processes import ProcessHandle, open_process_tree

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]

END_S = 1.0
STEP_S = 40.0


class TimedAccount(VendorAccount):
    """A vendor account that records when each session ended.

    Attributes:
        ended_at: Unix time of the end, by session id.
    """

    def __init__(self) -> None:
        super().__init__(self._launch, absent_timeout_s=3600.0, left_timeout_s=3600.0)
        self.ended_at: dict[str, float] = {}

    @staticmethod
    async def _launch(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        return await launch_silent_worker(session, scenario)

    def end(self, session: VendorSession, reason: str) -> None:
        super().end(session, reason)
        self.ended_at.setdefault(session.id, time.time())


class Jobs:
    """An agent server, the events of its jobs, and the sessions at their vendor.

    Attributes:
        process: The process of the agent server.
        account: The account at the fake vendor.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, events: Path, account: TimedAccount
    ) -> None:
        self.process = process
        self.account = account
        self._events = events

    async def wait_for_event(self, room: str, prefix: str) -> dict[str, Any]:
        """Wait for an event in a room whose text starts with `prefix`."""
        async with asyncio.timeout(STEP_S):
            while True:
                for line in self._events.read_text().splitlines():
                    record: dict[str, Any] = json.loads(line)
                    if record["room"] == room and record["event"].startswith(prefix):
                        return record
                await asyncio.sleep(0.02)

    def find_session(self, room: str) -> VendorSession:
        """Return the session that was provisioned for a room."""
        (session,) = [one for one in self.account.sessions if one.name.startswith(room)]
        return session

    async def wait_for_start(self, room: str) -> ProcessHandle:
        """Wait until the job of a room has its avatar; return a handle for its process."""
        event = (await self.wait_for_event(room, "pid"))["event"]
        return ProcessHandle(int(event.split()[1]))

    async def wait_for_end(self, room: str, process: ProcessHandle) -> float:
        """Wait until the job's process has exited, and check that its session ended before.

        Returns:
            Seconds from the close of the agent session to the end of the vendor's session.
        """
        exited = await asyncio.to_thread(process.exits_within, STEP_S)
        exited_at = time.time()
        process.close()
        assert exited
        closed = await self.wait_for_event(room, "closed")
        session = self.find_session(room)
        assert session.end_reason == "it was ended"
        assert self.account.ended_at[session.id] < exited_at
        return self.account.ended_at[session.id] - float(closed["at"])


@asynccontextmanager
async def run_jobs(server: DevServer, folder: Path) -> AsyncIterator[Jobs]:
    """Run an agent server whose jobs use the provider acme and a fake vendor."""
    events, account = folder / "events", TimedAccount()
    events.touch()
    vendor = FakeVendor(account, create_s=0.2)
    async with serve_http(vendor) as address:
        environment = make_environment(
            folder / "site",
            ACME_API_URL=address,
            ACME_KIND="lookup",
            AVATAR_LEDGER=str(folder / "ledger"),
            JOB_EVENTS=str(events),
        )
        script = Path(__file__).parent / "agent_job.py"
        async with run_agent_server(script, server, environment) as process:
            yield Jobs(process, events, account)
    await vendor.aclose()


async def test_job_releases_its_session_before_its_process_exits(
    server: DevServer, tmp_path: Path
) -> None:
    suffix = secrets.token_hex(4)
    closes, crashes, stays = (f"{name}-{suffix}" for name in ("closes", CRASH, "stays"))
    async with (
        api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client,
        run_jobs(server, tmp_path) as jobs,
    ):
        after_s = {}
        for room in (closes, crashes):
            await client.room.create_room(api.CreateRoomRequest(name=room))
        closing, crashing = await asyncio.gather(
            jobs.wait_for_start(closes), jobs.wait_for_start(crashes)
        )
        await client.room.delete_room(api.DeleteRoomRequest(room=closes))
        after_s["close"] = await jobs.wait_for_end(closes, closing)
        after_s["crash"] = await jobs.wait_for_end(crashes, crashing)
        await client.room.create_room(api.CreateRoomRequest(name=stays))
        staying = await jobs.wait_for_start(stays)
        members = open_process_tree(jobs.process.pid)
        jobs.process.terminate()
        after_s["SIGTERM"] = await jobs.wait_for_end(stays, staying)
        await jobs.process.wait()
        for member in members.values():
            member.close()
    assert max(after_s.values()) < END_S, after_s
    assert jobs.account.active == []
    assert Ledger(tmp_path / "ledger").read_all() == []
