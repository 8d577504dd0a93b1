"""A real job ends what it bought, while it can still say so: at its close, a crash, a SIGTERM."""

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
from tests.livekit.job import CRASH
from tests.long.kill_agents import bring, installed
from tests.support.agentserver import agent_server
from tests.support.processes import Death, family

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]

END_S = 1.0
STEP_S = 40.0


class Books(VendorAccount):
    """Notes the wall-clock time of each end."""

    def __init__(self) -> None:
        super().__init__(self._bring, absent_timeout_s=3600.0, left_timeout_s=3600.0)
        self.ended_at: dict[str, float] = {}

    @staticmethod
    async def _bring(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        return await bring(session, scenario)

    def end(self, session: VendorSession, why: str) -> None:
        super().end(session, why)
        self.ended_at.setdefault(session.id, time.time())


class Jobs:
    """The agent server, what its jobs noted, and what they bought."""

    def __init__(self, process: asyncio.subprocess.Process, notes: Path, books: Books) -> None:
        self.process = process
        self.books = books
        self._notes = notes

    async def noted(self, room: str, what: str) -> dict[str, Any]:
        """Wait for a note that begins so."""
        async with asyncio.timeout(STEP_S):
            while True:
                for line in self._notes.read_text().splitlines():
                    told: dict[str, Any] = json.loads(line)
                    if told["room"] == room and told["what"].startswith(what):
                        return told
                await asyncio.sleep(0.02)

    def session_of(self, room: str) -> VendorSession:
        """What was bought for a room."""
        (session,) = [one for one in self.books.sessions if one.name.startswith(room)]
        return session

    async def begun(self, room: str) -> Death:
        """Wait until a job is under way; its process."""
        return Death(int((await self.noted(room, "pid"))["what"].split()[1]))

    async def end_of(self, room: str, process: Death) -> float:
        """Wait until it is told to the vendor and the process is gone; seconds after its close."""
        died = await asyncio.to_thread(process.within, STEP_S)
        died_at = time.time()
        process.close()
        assert died
        closed = await self.noted(room, "closed")
        session = self.session_of(room)
        assert session.end_reason == "it was ended"
        assert self.books.ended_at[session.id] < died_at
        return self.books.ended_at[session.id] - float(closed["at"])


@asynccontextmanager
async def jobs(server: DevServer, folder: Path) -> AsyncIterator[Jobs]:
    """An agent server with the provider acme."""
    notes, books = folder / "notes", Books()
    notes.touch()
    vendor = FakeVendor(books, create_s=0.2)
    async with serve_http(vendor) as address:
        environment = installed(
            folder / "site",
            ACME_API_URL=address,
            ACME_KIND="lookup",
            AVATAR_LEDGER=str(folder / "ledger"),
            JOB_NOTES=str(notes),
        )
        script = Path(__file__).parent / "job.py"
        async with agent_server(script, server, environment) as process:
            yield Jobs(process, notes, books)
    await vendor.aclose()


async def test_what_a_job_bought_is_ended_before_its_process(
    server: DevServer, tmp_path: Path
) -> None:
    suffix = secrets.token_hex(4)
    closes, crashes, stays = (f"{what}-{suffix}" for what in ("closes", CRASH, "stays"))
    async with (
        api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client,
        jobs(server, tmp_path) as running,
    ):
        after_s = {}
        for room in (closes, crashes):
            await client.room.create_room(api.CreateRoomRequest(name=room))
        closing, crashing = await asyncio.gather(running.begun(closes), running.begun(crashes))
        await client.room.delete_room(api.DeleteRoomRequest(room=closes))
        after_s["close"] = await running.end_of(closes, closing)
        after_s["crash"] = await running.end_of(crashes, crashing)
        await client.room.create_room(api.CreateRoomRequest(name=stays))
        staying = await running.begun(stays)
        members = family(running.process.pid)
        running.process.terminate()
        after_s["SIGTERM"] = await running.end_of(stays, staying)
        await running.process.wait()
        for member in members.values():
            member.close()
    assert max(after_s.values()) < END_S, after_s
    assert running.books.active == []
    assert Ledger(tmp_path / "ledger").entries() == []
